//! `bridge-host deadletters`: look at what was given up, send it again, or
//! let it go. Works beside a running bridge, and without one.

mod show;

use std::process::ExitCode;

use clap::Subcommand;

use super::report;
use super::store::Store;
use crate::broker::embedded::{Inspector, StoreError, Which};

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
    let folder = match args.store.folder() {
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
