//! The errors of `bridge-host dead-letters`. `report` prints them.

use crate::broker::{BrokerError, OpenError};
use crate::cli::output::OutputError;
use crate::store::StoreError;

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("there are no dead letters on {0:?}")]
    NoLetters(String),
    #[error("there is no dead letter {0}: list them with `bridge-host dead-letters list`")]
    NoLetter(i64),
    #[error(
        "the config has no subscription {0:?}, to which the dead letter belongs: add it to replay the message"
    )]
    NoSubscription(String),
    #[error("{0} {1}, then an error: {2}")]
    NotAll(u64, &'static str, String),
    #[error(
        "`drop --all` deletes every dead letter: confirm with --yes, or give the number of one, or a --subscription"
    )]
    NotSure,
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}
