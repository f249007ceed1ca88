//! From a file and the environment to a config. The only place that reads the
//! environment.

use std::path::Path;

use toml::de::DeTable;

use super::Config;
use super::inspect::Inspect;
use super::read::{CONFIG, read};
use crate::files;
use crate::schema::{self, Environment, Fault, Reader, Source};

/// The file that is read when none is named.
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

/// Reads a config file. Every fault of it is found, in the order of the file.
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
        Err(error) => return Err(vec![no_toml(&name, &text, &error)]),
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
        // What stands under an unknown key may be anything, a secret too: so it
        // is masked in the lines of all other faults as well.
        false => read([masks, unknown].concat()).map_err(|(faults, _)| faults),
    })
}

fn unreadable(file: &Path, error: &std::io::Error) -> Fault {
    let what = format!("cannot read the config {}: {error}", file.display());
    let help = match error.kind() {
        std::io::ErrorKind::NotFound => {
            "name another file; or, without any: bridge-host forward 'orders.>' https://…"
        }
        std::io::ErrorKind::InvalidData => "a config is TOML, in UTF-8",
        _ => "it has to be a file that this user may read",
    };
    Fault::new(None, what, Some(help))
}

fn no_toml(name: &str, text: &str, error: &toml::de::Error) -> Fault {
    let span = error.span().unwrap_or(0..0);
    let source = Source::new(
        name,
        text,
        schema::secret_near(text, span.start, &CONFIG.plain_keys())
            .into_iter()
            .collect(),
    );
    Fault::new(
        Some(source.place(span)),
        format!("this is not TOML: {}", error.message()),
        Some("all other faults show once this one is mended"),
    )
}
