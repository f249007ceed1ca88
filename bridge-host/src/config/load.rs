//! From a file and the environment to a config. The only place that reads the
//! environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::fault::Fault;
use super::mask;
use super::read::read;
use super::section::Reader;
use super::source::Source;
use super::{Config, Guests, Subscription};
use crate::files;

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "bridge.toml";

/// Where variables come from.
pub trait Environment {
    /// The value of a variable; `None` where it is not set, or no UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether a variable has a value, UTF-8 or not.
    fn is_set(&self, name: &str) -> bool {
        self.variable(name).is_some()
    }
}

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

impl Environment for BTreeMap<String, String> {
    fn variable(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// Looks deeper into a subscription that is well written: whether its
/// components export the right thing, and know their topics.
pub type Inspect<'a> = &'a dyn Fn(&Guests, &Subscription) -> Vec<Fault>;

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
    let masks = mask::secrets(&text, &table);
    read(masks.clone()).or_else(|(faults, unknown)| match unknown.is_empty() {
        true => Err(faults),
        // What stands under an unknown key may be anything, a secret too: so it
        // is masked in the lines of all other faults as well.
        false => read([masks, unknown].concat()).map_err(|(faults, _)| faults),
    })
}

/// The folder for compiled components when none is configured.
pub(super) fn default_cache(environment: &dyn Environment) -> PathBuf {
    let folder = |name: &str| {
        let folder = environment.variable(name).map(PathBuf::from);
        folder.filter(|folder| folder.is_absolute())
    };
    folder("XDG_CACHE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("bridge-host")
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
        mask::secret_near(text, span.start).into_iter().collect(),
    );
    Fault::new(
        Some(source.place(span)),
        format!("this is not TOML: {}", error.message()),
        Some("all other faults show once this one is mended"),
    )
}
