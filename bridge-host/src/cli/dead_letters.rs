//! `bridge-host dead-letters`: look at what was given up, send it again, or
//! let it go. Works beside a running bridge, and without one; where letters
//! are published on a topic of a broker, with that broker.

mod error;
mod published;
mod show;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::store::{Found, Published, Store};
use super::{output, report};
use crate::broker::Which;
use crate::store::Inspector;
use error::Error;
use published::Topics;

/// Look at dead letters, replay or drop them
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    store: Store,
}

#[derive(Subcommand)]
enum Command {
    /// List dead letters, the oldest first
    List {
        /// List only the dead letters of this subscription
        #[arg(long, value_name = "NAME")]
        subscription: Option<String>,
        /// Print one JSON array, for programs
        #[arg(long)]
        json: bool,
    },
    /// Show a whole dead letter: reason, metadata and data
    Show {
        /// The number of the dead letter, as `list` shows it
        letter: i64,
        /// Print one JSON object, for programs
        #[arg(long)]
        json: bool,
    },
    /// Deliver dead letters again, counting attempts from 1
    Replay(Meant),
    /// Delete dead letters
    Drop {
        #[command(flatten)]
        meant: Meant,
        /// Confirm --all, which deletes every dead letter
        #[arg(long)]
        yes: bool,
    },
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Meant {
    /// The number of a dead letter, as `list` shows it
    letter: Option<i64>,
    /// All dead letters of this subscription
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// All dead letters
    #[arg(long)]
    all: bool,
}

impl Meant {
    /// Requires `--yes` before all dead letters are deleted.
    fn check(&self, yes: bool) -> Result<(), Error> {
        match self.all && !yes {
            true => Err(Error::NotSure),
            false => Ok(()),
        }
    }

    fn which(&self) -> Which {
        match (self.letter, &self.subscription) {
            (Some(letter), _) => Which::Id(letter),
            (None, Some(name)) => Which::Subscription(name.clone()),
            (None, None) => Which::All,
        }
    }
}

pub(super) fn run(args: &Args) -> ExitCode {
    let done = match args.store.found() {
        Err(faults) => return report::faults(&faults),
        Ok(Found::Folder(folder)) => in_folder(&folder.path, &folder.letters, &args.command),
        Ok(Found::Published(published)) => on_topics(*published, &args.command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ Error::NotSure) => report::refusal(&error),
        Err(error) => report::failure(&error),
    }
}

/// What became of the letters, and what happens next: without a bridge nothing
/// is delivered yet.
fn replayed(count: u64, is_served: bool) -> String {
    match is_served || count == 0 {
        true => format!("{count} replayed\n"),
        false => format!(
            "{count} pending again: no bridge runs on this store, and the next one to start delivers them\n"
        ),
    }
}

fn in_folder(folder: &Path, others: &[String], command: &Command) -> Result<(), Error> {
    let inspector = Inspector::open(folder)?;
    match command {
        Command::List { subscription, json } => {
            list(&inspector, subscription.as_deref(), *json)?;
            for name in others.iter().filter(|_| !json) {
                let more = "there are dead letters on a topic, too: list them with --connection";
                output::text(&format!("{more} {name}\n"))?;
            }
        }
        Command::Show { letter, json } => {
            output::text(&show::whole(&inspector.dead_letter(*letter)?, *json))?;
        }
        Command::Replay(meant) => {
            let count = inspector.replay(&meant.which())?;
            output::text(&replayed(count, inspector.is_served()))?;
        }
        Command::Drop { meant, yes } => {
            meant.check(*yes)?;
            let count = inspector.drop_dead_letters(&meant.which())?;
            output::text(&format!("{count} dropped\n"))?;
        }
    }
    Ok(())
}

fn on_topics(published: Published, command: &Command) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(async {
        let mut topics = Topics::open(published).await?;
        match command {
            Command::List { subscription, json } => {
                topics.list(&which(subscription.as_deref()), *json).await?;
            }
            Command::Show { letter, json } => topics.show(*letter, *json).await?,
            Command::Replay(meant) => {
                let count = topics.replay(&meant.which()).await?;
                output::text(&format!("{count} replayed\n"))?;
            }
            Command::Drop { meant, yes } => {
                meant.check(*yes)?;
                let count = topics.drop_them(&meant.which()).await?;
                output::text(&format!("{count} dropped\n"))?;
            }
        }
        Ok(())
    })
}

fn which(subscription: Option<&str>) -> Which {
    subscription.map_or(Which::All, |name| Which::Subscription(name.into()))
}

fn list(inspector: &Inspector, subscription: Option<&str>, json: bool) -> Result<(), Error> {
    let which = which(subscription);
    let mut list = show::List::new(json);
    let mut after = i64::MIN;
    loop {
        let page = inspector.dead_letters(&which, after, show::PAGE)?;
        let Some(last) = page.last() else {
            return Ok(list.end()?);
        };
        after = last.id;
        if !list.page(&page)? {
            return Ok(());
        }
    }
}
