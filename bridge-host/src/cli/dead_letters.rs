//! `bridge-host dead-letters`: lists, shows, replays and drops dead letters, with or
//! without a running bridge. Storing dead letters is in `store` and `broker`.

mod error;
mod published;
mod show;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::store::{DeadLetterTopics, Located, Store};
use super::{output, report};
use crate::broker::DeadLetterFilter;
use crate::store::Inspector;
use error::Error;
use published::Topics;

/// List, show, replay and drop dead letters
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n    bridge-host dead-letters list\n    bridge-host dead-letters replay --subscription orders"
)]
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
    Replay(Selection),
    /// Delete dead letters
    Drop {
        #[command(flatten)]
        selection: Selection,
        /// Confirm --all, which deletes every dead letter
        #[arg(long)]
        yes: bool,
    },
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Selection {
    /// The number of a dead letter, as `list` shows it
    letter: Option<i64>,
    /// All dead letters of this subscription
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// All dead letters
    #[arg(long)]
    all: bool,
}

impl Selection {
    /// Requires `--yes` before all dead letters are deleted.
    fn check(&self, yes: bool) -> Result<(), Error> {
        match self.all && !yes {
            true => Err(Error::NotSure),
            false => Ok(()),
        }
    }

    fn which(&self) -> DeadLetterFilter {
        match (self.letter, &self.subscription) {
            (Some(letter), _) => DeadLetterFilter::Id(letter),
            (None, Some(name)) => DeadLetterFilter::Subscription(name.clone()),
            (None, None) => DeadLetterFilter::All,
        }
    }
}

pub(super) fn run(args: &Args) -> ExitCode {
    let done = match args.store.locate() {
        Err(faults) => return report::faults(&faults),
        Ok(Located::Folder(folder)) => in_folder(&folder.path, &folder.letters, &args.command),
        Ok(Located::Topics(topics)) => on_topics(*topics, &args.command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ Error::NotSure) => report::refusal(&error),
        Err(error) => report::failure(&error),
    }
}

/// Returns how many dead letters were replayed, and that they wait for a bridge if none
/// runs.
fn replayed(count: u64, is_served: bool) -> String {
    match is_served || count == 0 {
        true => format!("{count} replayed\n"),
        false => format!(
            "{count} pending again: no bridge runs on this store, and the next bridge to start delivers them\n"
        ),
    }
}

fn in_folder(folder: &Path, others: &[String], command: &Command) -> Result<(), Error> {
    let inspector = Inspector::open(folder)?;
    match command {
        Command::List { subscription, json } => {
            list(&inspector, subscription.as_deref(), *json)?;
            for name in others.iter().filter(|_| !json) {
                let more = "further dead letters are on a topic: list them with --connection";
                output::text(&format!("{more} {name}\n"))?;
            }
        }
        Command::Show { letter, json } => {
            output::text(&show::whole(&inspector.dead_letter(*letter)?, *json))?;
        }
        Command::Replay(selection) => {
            let count = inspector.replay(&selection.which())?;
            output::text(&replayed(count, inspector.is_served()))?;
        }
        Command::Drop { selection, yes } => {
            selection.check(*yes)?;
            let count = inspector.drop_dead_letters(&selection.which())?;
            output::text(&format!("{count} dropped\n"))?;
        }
    }
    Ok(())
}

fn on_topics(topics: DeadLetterTopics, command: &Command) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(async {
        let mut topics = Topics::open(topics).await?;
        match command {
            Command::List { subscription, json } => {
                topics.list(&which(subscription.as_deref()), *json).await?;
            }
            Command::Show { letter, json } => topics.show(*letter, *json).await?,
            Command::Replay(selection) => {
                let count = topics.replay(&selection.which()).await?;
                output::text(&format!("{count} replayed\n"))?;
            }
            Command::Drop { selection, yes } => {
                selection.check(*yes)?;
                let count = topics.drop_all(&selection.which()).await?;
                output::text(&format!("{count} dropped\n"))?;
            }
        }
        Ok(())
    })
}

fn which(subscription: Option<&str>) -> DeadLetterFilter {
    subscription.map_or(DeadLetterFilter::All, |name| {
        DeadLetterFilter::Subscription(name.into())
    })
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
