//! What a command looks into: an embedded broker of a config, or the one in
//! the folder that is the default; or the topics that dead letters are on.

use std::path::PathBuf;

use crate::broker::embedded::Settings;
use crate::config::{self, Config, Connection, EMBEDDED, Fault, ProcessEnvironment};

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

/// What a command looks into.
pub(super) enum Found {
    /// An embedded broker's, and the connections that have dead letters besides.
    Folder(PathBuf, Vec<String>),
    /// Topics of another, which dead letters are published on.
    Published(Box<Published>),
}

/// Dead letters on topics.
pub(super) struct Published {
    /// The connection's name.
    pub(super) name: String,
    /// All topics of dead letters on it.
    pub(super) topics: Vec<String>,
    /// Whose subscriptions they are of.
    pub(super) config: Config,
}

impl Store {
    /// The folder of the broker that is meant. Only its own part of the config
    /// counts: it can be looked into while another part is being mended.
    pub(super) fn folder(&self) -> Result<PathBuf, Vec<Fault>> {
        match self.found()? {
            Found::Folder(folder, _) => Ok(folder),
            Found::Published(published) => Err(self.keeps_nothing(&published.config)),
        }
    }

    /// What is meant: a folder, or topics that dead letters are published on.
    pub(super) fn found(&self) -> Result<Found, Vec<Fault>> {
        let default = PathBuf::from(config::DEFAULT_FILE);
        let file = match &self.config {
            Some(file) => file.clone(),
            None if default.exists() => default,
            None => return Ok(Found::Folder(Settings::default().path, Vec::new())),
        };
        let config = config::load(&file, &ProcessEnvironment, &|_, _| Vec::new())?;
        match config.connections.get(&self.connection) {
            Some(Connection::Embedded(settings)) => {
                let folder = settings.path.clone();
                Ok(Found::Folder(folder, with_letters(&config)))
            }
            Some(_) => self.published(config),
            None => {
                let known: Vec<_> = config.connections.keys().map(String::as_str).collect();
                let what = format!("no connection is named {:?}", self.connection);
                let help = format!("{} has {}", file.display(), known.join(", "));
                Err(vec![Fault::new(None, what, Some(help))])
            }
        }
    }

    fn published(&self, config: Config) -> Result<Found, Vec<Fault>> {
        let letters = config.subscriptions.iter();
        let letters = letters.filter_map(|one| one.dead_letters.as_ref());
        let here = letters.filter(|to| to.connection == self.connection);
        let mut topics: Vec<_> = here.map(|to| to.topic.clone()).collect();
        topics.sort();
        topics.dedup();
        match topics.is_empty() {
            true => Err(self.keeps_nothing(&config)),
            false => Ok(Found::Published(Box::new(Published {
                name: self.connection.clone(),
                topics,
                config,
            }))),
        }
    }

    fn keeps_nothing(&self, config: &Config) -> Vec<Fault> {
        let what = format!(
            "{:?} is {}, which keeps neither books nor dead letters itself",
            self.connection,
            config.connections[&self.connection].kind()
        );
        let help = "they are in the embedded broker: leave --connection out";
        vec![Fault::new(None, what, Some(help))]
    }
}

/// The connections on which dead letters are published.
fn with_letters(config: &Config) -> Vec<String> {
    let letters = config.subscriptions.iter();
    let letters = letters.filter_map(|one| one.dead_letters.as_ref());
    let mut names: Vec<_> = letters.map(|to| to.connection.clone()).collect();
    names.sort();
    names.dedup();
    names
}
