//! `bridge-host deadletters`: look at what was given up, send it again, or
//! let it go. Works beside a running bridge, and without one.

mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::report;
use crate::broker::embedded::{Inspector, StoreError, Which};
use crate::config::{self, Connection, EMBEDDED, Fault, ProcessEnvironment};

/// Look at dead letters, replay or drop them
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// The config whose embedded broker is meant; without such a file, ./bridge-data
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The connection that keeps them
    #[arg(long, global = true, value_name = "NAME", default_value = EMBEDDED)]
    connection: String,
}

#[derive(Subcommand)]
enum Command {
    /// List them, the oldest first
    List {
        /// Only those of this subscription
        #[arg(long, value_name = "NAME")]
        subscription: Option<String>,
        /// For machines: one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show one whole: why, its metadata and its data
    Show {
        /// Its number in the list
        letter: i64,
        /// For machines: one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Deliver them again, attempts counted from 1
    Replay(Meant),
    /// Forget them
    Drop(Meant),
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Meant {
    /// The one with this number in the list
    letter: Option<i64>,
    /// Those of this subscription
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// Every one there is
    #[arg(long)]
    all: bool,
}

impl Meant {
    fn which(&self) -> Which {
        match (self.letter, &self.subscription) {
            (Some(letter), _) => Which::Id(letter),
            (None, Some(name)) => Which::Subscription(name.clone()),
            (None, None) => Which::All,
        }
    }
}

/// So many dead letters are read at once.
const PAGE: usize = 500;

pub(super) fn run(args: &Args) -> ExitCode {
    let folder = match folder(args) {
        Ok(folder) => folder,
        Err(faults) => return report::faults(&faults),
    };
    let done = Inspector::open(&folder).and_then(|inspector| match &args.command {
        Command::List { subscription, json } => list(&inspector, subscription.as_deref(), *json),
        Command::Show { letter, json } => {
            print!("{}", show::whole(&inspector.dead_letter(*letter)?, *json));
            Ok(())
        }
        Command::Replay(meant) => {
            println!("{} replayed", inspector.replay(&meant.which())?);
            Ok(())
        }
        Command::Drop(meant) => {
            println!("{} dropped", inspector.drop_dead_letters(&meant.which())?);
            Ok(())
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

fn list(inspector: &Inspector, subscription: Option<&str>, json: bool) -> Result<(), StoreError> {
    let which = subscription.map_or(Which::All, |name| Which::Subscription(name.into()));
    let mut list = show::List::new(json);
    let mut after = i64::MIN;
    loop {
        let page = inspector.dead_letters(&which, after, PAGE)?;
        let Some(last) = page.last() else {
            list.end();
            return Ok(());
        };
        after = last.id;
        page.iter().for_each(|letter| list.line(letter));
    }
}

/// The folder of the broker that is meant. Only its own part of the config
/// counts: dead letters can be looked at while another part is being mended.
fn folder(args: &Args) -> Result<PathBuf, Vec<Fault>> {
    let default = PathBuf::from(config::DEFAULT_FILE);
    let file = match &args.config {
        Some(file) => file.clone(),
        None if default.exists() => default,
        None => return Ok(crate::broker::embedded::Settings::default().path),
    };
    let config = config::load(&file, &ProcessEnvironment, &|_, _| Vec::new())?;
    match config.connections.get(&args.connection) {
        Some(Connection::Embedded(settings)) => Ok(settings.path.clone()),
        Some(other) => {
            let what = format!(
                "{:?} is {}, which keeps no dead letters itself",
                args.connection,
                other.kind()
            );
            let help = "they are in the embedded broker: leave --connection out";
            Err(vec![Fault::new(None, what, Some(help))])
        }
        None => {
            let known: Vec<_> = config.connections.keys().map(String::as_str).collect();
            let what = format!("no connection is named {:?}", args.connection);
            let help = format!("{} has {}", file.display(), known.join(", "));
            Err(vec![Fault::new(None, what, Some(help))])
        }
    }
}
