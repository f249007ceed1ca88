//! What a command looks into: an embedded broker of a config, or the one in
//! the folder that is the default; or the topics that dead letters are on.

use std::path::PathBuf;

use crate::config::{self, Config, EMBEDDED, Fault, ProcessEnvironment};
use crate::store::Settings;

// No doc comment: clap would tell it as that of the command.
#[derive(clap::Args)]
pub(super) struct Store {
    /// The config whose embedded broker to use; by default ./bridge.toml, or the broker in ./bridge-data if there is no such file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of an embedded broker (as in `forward --data`), instead of a config
    #[arg(long, global = true, value_name = "FOLDER", conflicts_with_all = ["config", "connection"])]
    data: Option<PathBuf>,
    /// The connection to inspect
    #[arg(long, global = true, value_name = "NAME", default_value = EMBEDDED)]
    connection: String,
}

/// What a command looks into.
pub(super) enum Found {
    /// An embedded broker's.
    Folder(Folder),
    /// Topics of another, which dead letters are published on.
    Published(Box<Published>),
}

/// The folder of an embedded broker, and what the config has besides.
#[derive(Default)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// The connections on which dead letters are published.
    pub(super) letters: Vec<String>,
    /// Subscriptions to brokers that keep no books, and their connections.
    pub(super) elsewhere: Vec<(String, String)>,
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
    /// The folder of the broker that is meant.
    pub(super) fn folder(&self) -> Result<Folder, Vec<Fault>> {
        match self.found()? {
            Found::Folder(folder) => Ok(folder),
            Found::Published(published) => Err(self.keeps_nothing(&published.config)),
        }
    }

    /// What is meant: a folder, or topics that dead letters are published on.
    pub(super) fn found(&self) -> Result<Found, Vec<Fault>> {
        if let Some(path) = &self.data {
            return Ok(Found::Folder(Folder {
                path: path.clone(),
                ..Folder::default()
            }));
        }
        let default = PathBuf::from(config::DEFAULT_FILE);
        let file = match &self.config {
            Some(file) => file.clone(),
            None if default.exists() => default,
            None => {
                return Ok(Found::Folder(Folder {
                    path: Settings::default().path,
                    ..Folder::default()
                }));
            }
        };
        let config = config::load(&file, &ProcessEnvironment, &|_, _| Vec::new())?;
        let connection = config.connections.get(&self.connection);
        match connection.map(|it| it.settings().store()) {
            Some(Some(path)) => Ok(Found::Folder(Folder {
                path: path.into(),
                letters: with_letters(&config),
                elsewhere: elsewhere(&config),
            })),
            Some(None) => self.published(config),
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

/// Subscriptions to brokers that keep no books.
fn elsewhere(config: &Config) -> Vec<(String, String)> {
    let remote = |from: &str| config.connections[from].settings().store().is_none();
    let subscriptions = config.subscriptions.iter();
    let theirs = subscriptions.filter(|one| remote(&one.from));
    theirs
        .map(|one| (one.name.clone(), one.from.clone()))
        .collect()
}
