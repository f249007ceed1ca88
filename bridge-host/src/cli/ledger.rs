//! `bridge-host ledger`: shows the ledger of each subscription, and removes a subscription
//! from a store, with or without a running bridge. Counting is in `store`.

mod show;

use std::process::ExitCode;

use clap::Subcommand;

use super::output::{self, OutputError};
use super::report;
use super::store::Store;
use crate::store::{Inspector, StoreError};

/// Show how many messages of each subscription were delivered, dead-lettered or are pending
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n    bridge-host ledger\n    bridge-host ledger forget old-orders --yes"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    store: Store,
    /// Print one JSON object, as GET /ledger does; for `forget`, the entry of the forgotten subscription
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Remove a subscription, its pending deliveries and its dead letters from the local store
    ///
    /// A subscription that the config still has begins again at the next start. A consumer or
    /// consumer group on another broker stays: remove it with the tools of that broker.
    Forget {
        /// The subscription
        name: String,
        /// Confirm that pending messages and dead letters are deleted
        #[arg(long)]
        yes: bool,
    },
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub(super) fn run(args: &Args) -> ExitCode {
    let folder = match args.store.folder() {
        Ok(folder) => folder,
        Err(faults) => return report::faults(&faults),
    };
    let done = Inspector::open(&folder.path)
        .map_err(Error::from)
        .and_then(|inspector| match &args.command {
            None => {
                let text = show::all(&inspector.ledgers()?, &folder.remote, args.json);
                Ok(output::text(&text)?)
            }
            Some(Command::Forget { name, yes }) => forget(&inspector, name, *yes, args.json),
        });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ Error::Store(StoreError::NotEmpty { .. })) => report::refusal(&error),
        Err(error) => report::failure(&error),
    }
}

fn forget(inspector: &Inspector, name: &str, yes: bool, json: bool) -> Result<(), Error> {
    let ledger = inspector.ledger(name)?;
    if yes || ledger.is_settled() {
        output::text(&show::last(&ledger, json))?;
    }
    Ok(inspector.forget(name, yes)?)
}
