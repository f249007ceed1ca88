//! Loads a config from a file and the environment. No other module reads the environment
//! for settings.

use std::path::Path;

use toml::de::DeTable;

use super::Config;
use super::inspect::Inspect;
use super::read::{CONFIG, read};
use crate::files;
use crate::schema::{self, Environment, Fault, Reader, Source};

/// The name of the config file by default.
pub const DEFAULT_FILE: &str = "bridge.toml";

/// The environment of this process.
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn is_set(&self, name: &str) -> bool {
        std::env::var_os(name).is_some()
    }
}

/// Reads a config file. Returns every error, in the order of the file.
pub fn load(
    file: &Path,
    environment: &dyn Environment,
    inspect: Inspect<'_>,
) -> Result<Config, Vec<Fault>> {
    let text = files::read_text(file, files::MAX_CONFIG);
    let text = text.map_err(|error| vec![unreadable(file, &error)])?;
    let name = file.display().to_string();
    let table = match DeTable::parse(&text) {
        Ok(table) => table.into_inner(),
        Err(error) => return Err(vec![syntax_error(&name, &text, &error)]),
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let read = |masks| {
        let source = Source::new(&name, &text, masks);
        let reader = Reader::new(&source, environment, folder);
        let config = read(&reader, &table, inspect);
        match reader.faults_so_far() {
            0 => Ok(config),
            _ => Err(reader.into_faults()),
        }
    };
    let masks = schema::secrets(&text, &table);
    read(masks.clone()).or_else(|(faults, unknown)| match unknown.is_empty() {
        true => Err(faults),
        // The value of an unknown key may be a secret, so it is masked in the lines that
        // other errors show, too.
        false => read([masks, unknown].concat()).map_err(|(faults, _)| faults),
    })
}

fn unreadable(file: &Path, error: &std::io::Error) -> Fault {
    let what = format!("cannot read the config {}: {error}", file.display());
    let help = match error.kind() {
        std::io::ErrorKind::NotFound => {
            "name another file, or run without a config: bridge-host forward 'orders.>' https://…"
        }
        std::io::ErrorKind::InvalidData => "a config is TOML, in UTF-8",
        _ => "the file must be readable for the user of this process",
    };
    Fault::new(None, what, Some(help))
}

fn syntax_error(name: &str, text: &str, error: &toml::de::Error) -> Fault {
    let span = error.span().unwrap_or(0..0);
    let source = Source::new(
        name,
        text,
        schema::secret_near(text, span.start, &CONFIG.plain_keys())
            .into_iter()
            .collect(),
    );
    Fault::new(
        Some(source.location(span)),
        format!("this is not TOML: {}", error.message()),
        Some("fix this error to see any others"),
    )
}
