//! Which embedded broker a command looks into: one of a config, or the one in
//! the folder that is the default.

use std::path::PathBuf;

use crate::broker::embedded::Settings;
use crate::config::{self, Connection, EMBEDDED, Fault, ProcessEnvironment};

// No doc comment: clap would tell it as that of the command.
#[derive(clap::Args)]
pub(super) struct Store {
    /// The config whose embedded broker is meant; without such a file, ./bridge-data
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The connection that is looked into
    #[arg(long, global = true, value_name = "NAME", default_value = EMBEDDED)]
    connection: String,
}

impl Store {
    /// The folder of the broker that is meant. Only its own part of the config
    /// counts: it can be looked into while another part is being mended.
    pub(super) fn folder(&self) -> Result<PathBuf, Vec<Fault>> {
        let default = PathBuf::from(config::DEFAULT_FILE);
        let file = match &self.config {
            Some(file) => file.clone(),
            None if default.exists() => default,
            None => return Ok(Settings::default().path),
        };
        let config = config::load(&file, &ProcessEnvironment, &|_, _| Vec::new())?;
        match config.connections.get(&self.connection) {
            Some(Connection::Embedded(settings)) => Ok(settings.path.clone()),
            None => {
                let known: Vec<_> = config.connections.keys().map(String::as_str).collect();
                let what = format!("no connection is named {:?}", self.connection);
                let help = format!("{} has {}", file.display(), known.join(", "));
                Err(vec![Fault::new(None, what, Some(help))])
            }
        }
    }
}
