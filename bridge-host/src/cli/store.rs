//! Locates what a command inspects: the folder of an embedded broker, or the topics with
//! dead letters. The command itself reads them.

use std::path::PathBuf;

use crate::config::{self, Config, EMBEDDED, Fault, ProcessEnvironment};
use crate::store::Settings;

// Without a doc comment, because clap would show it as that of the command.
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

/// What a command inspects.
pub(super) enum Located {
    /// The folder of an embedded broker.
    Folder(Folder),
    /// Topics of a broker with dead letters.
    Topics(Box<DeadLetterTopics>),
}

/// The folder of an embedded broker, and related connections of the config.
#[derive(Default)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// The connections on which dead letters are published.
    pub(super) letters: Vec<String>,
    /// Subscriptions to brokers without a ledger, and their connections.
    pub(super) remote: Vec<(String, String)>,
}

/// Topics with dead letters.
pub(super) struct DeadLetterTopics {
    /// The name of the connection.
    pub(super) connection: String,
    /// All topics of dead letters on the connection.
    pub(super) topics: Vec<String>,
    /// The config with the subscriptions of the dead letters.
    pub(super) config: Config,
}

impl Store {
    /// Returns the folder of the embedded broker.
    pub(super) fn folder(&self) -> Result<Folder, Vec<Fault>> {
        match self.locate()? {
            Located::Folder(folder) => Ok(folder),
            Located::Topics(topics) => Err(self.keeps_nothing(&topics.config)),
        }
    }

    /// Returns the folder of the embedded broker, or the topics with dead letters.
    pub(super) fn locate(&self) -> Result<Located, Vec<Fault>> {
        if let Some(path) = &self.data {
            return Ok(Located::Folder(Folder {
                path: path.clone(),
                ..Folder::default()
            }));
        }
        let default = PathBuf::from(config::DEFAULT_FILE);
        let file = match &self.config {
            Some(file) => file.clone(),
            None if default.exists() => default,
            None => {
                return Ok(Located::Folder(Folder {
                    path: Settings::default().path,
                    ..Folder::default()
                }));
            }
        };
        let config = config::load(&file, &ProcessEnvironment, &|_, _| Vec::new())?;
        let connection = config.connections.get(&self.connection);
        match connection.map(|it| it.settings().store()) {
            Some(Some(path)) => Ok(Located::Folder(Folder {
                path: path.into(),
                letters: dead_letter_connections(&config),
                remote: remote_subscriptions(&config),
            })),
            Some(None) => self.topics(config),
            None => {
                let known: Vec<_> = config.connections.keys().map(String::as_str).collect();
                let what = format!("there is no connection {:?}", self.connection);
                let help = format!("{} has {}", file.display(), known.join(", "));
                Err(vec![Fault::new(None, what, Some(help))])
            }
        }
    }

    fn topics(&self, config: Config) -> Result<Located, Vec<Fault>> {
        let letters = config.subscriptions.iter();
        let letters = letters.filter_map(|one| one.dead_letters.as_ref());
        let letters = letters.filter(|to| to.connection == self.connection);
        let mut topics: Vec<_> = letters.map(|to| to.topic.clone()).collect();
        topics.sort();
        topics.dedup();
        match topics.is_empty() {
            true => Err(self.keeps_nothing(&config)),
            false => Ok(Located::Topics(Box::new(DeadLetterTopics {
                connection: self.connection.clone(),
                topics,
                config,
            }))),
        }
    }

    fn keeps_nothing(&self, config: &Config) -> Vec<Fault> {
        let what = format!(
            "{:?} is {}, which keeps neither a ledger nor dead letters",
            self.connection,
            config.connections[&self.connection].kind()
        );
        let help = "leave --connection out: the embedded broker has them";
        vec![Fault::new(None, what, Some(help))]
    }
}

/// Returns the connections on which dead letters are published.
fn dead_letter_connections(config: &Config) -> Vec<String> {
    let letters = config.subscriptions.iter();
    let letters = letters.filter_map(|one| one.dead_letters.as_ref());
    let mut names: Vec<_> = letters.map(|to| to.connection.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns the subscriptions to brokers without a ledger.
fn remote_subscriptions(config: &Config) -> Vec<(String, String)> {
    let remote = |from: &str| config.connections[from].settings().store().is_none();
    let subscriptions = config.subscriptions.iter();
    let subscriptions = subscriptions.filter(|one| remote(&one.from));
    subscriptions
        .map(|one| (one.name.clone(), one.from.clone()))
        .collect()
}
