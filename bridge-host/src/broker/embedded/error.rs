//! What can go wrong with the store: the errors its users see, and which
//! SQLite failures pass, which stop the broker.

use std::io;
use std::path::PathBuf;

use rusqlite::{ErrorCode, ffi};

use crate::broker::BrokerError;

/// Why the folder of an embedded broker cannot be used as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system would not.
    #[error("the folder {} cannot hold an embedded broker: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Another process has it open as a broker.
    #[error(
        "the embedded broker in {} is in use by another bridge-host: stop that one, or give this one a `path` of its own",
        .0.display()
    )]
    InUse(PathBuf),
    /// Nothing to inspect.
    #[error("there is no embedded broker in {}: name the bridge's config with --config, or the broker's folder with --data", .0.display())]
    Missing(PathBuf),
    /// Written by another version.
    #[error(
        "{} has format {found}, and this bridge-host knows format {known}: use the version that wrote it, or name another `path`",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The one known here.
        known: i64,
    },
    /// A database, but not one of ours.
    #[error("{} is a database of something else: name another `path`", .0.display())]
    Foreign(PathBuf),
    /// SQLite cannot share memory between processes there.
    #[error(
        "{} cannot be written ahead, as on most network file systems: name a `path` on a local disk",
        .0.display()
    )]
    NoWal(PathBuf),
    /// SQLite failed.
    #[error("{}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
    /// No dead letter has this number.
    #[error("there is no dead letter {0}: `bridge-host deadletters list` shows those there are")]
    NoDeadLetter(i64),
    /// A subscription that is not to be forgotten by mistake.
    #[error(
        "the subscription {name:?} has {pending} pending deliveries and {dead_letters} dead letters, which would be lost: with --yes they are"
    )]
    NotEmpty {
        /// Its name.
        name: String,
        /// What it has not settled yet.
        pending: u64,
        /// What is neither replayed nor dropped.
        dead_letters: u64,
    },
    /// No subscription has this name.
    #[error("this broker has no subscription {name:?}; it has {known}")]
    NoSubscription {
        /// As asked for.
        name: String,
        /// Those there are.
        known: String,
    },
}

/// A failed write, by what has to follow.
#[derive(Debug)]
pub(super) enum Fault {
    /// No room on the disk: it passes when there is some.
    Full(String),
    /// Another process held the database for too long: it passes.
    Busy(String),
    /// This command cannot be done; others can.
    Command(String),
    /// What is on the disk is uncertain from here on.
    Fatal(String),
}

impl Fault {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let text = error.to_string();
        let rusqlite::Error::SqliteFailure(failure, _) = error else {
            return Self::Command(text);
        };
        match failure.code {
            ErrorCode::DiskFull => Self::Full(text),
            // How a full disk shows where SQLite extends its index of the WAL.
            _ if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => Self::Full(text),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy(text),
            ErrorCode::ConstraintViolation
            | ErrorCode::TooBig
            | ErrorCode::TypeMismatch
            | ErrorCode::OutOfMemory => Self::Command(text),
            _ => Self::Fatal(text),
        }
    }

    /// As a publisher, or whoever settles, sees it.
    pub(super) fn for_caller(&self) -> BrokerError {
        match self {
            Self::Full(text) => BrokerError::Full(format!("{text}; make some on this disk")),
            Self::Busy(text) => BrokerError::Unavailable(format!(
                "another process keeps the embedded broker's database locked: {text}"
            )),
            Self::Command(text) | Self::Fatal(text) => {
                BrokerError::Unavailable(format!("the embedded broker could not write: {text}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fault(code: i32) -> Fault {
        Fault::of(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn only_a_doubtful_disk_is_fatal() {
        assert!(matches!(fault(ffi::SQLITE_FULL), Fault::Full(_)));
        assert!(matches!(fault(ffi::SQLITE_IOERR_SHMSIZE), Fault::Full(_)));
        assert!(matches!(fault(ffi::SQLITE_BUSY), Fault::Busy(_)));
        assert!(matches!(fault(ffi::SQLITE_CONSTRAINT), Fault::Command(_)));
        assert!(matches!(fault(ffi::SQLITE_IOERR_FSYNC), Fault::Fatal(_)));
        assert!(matches!(fault(ffi::SQLITE_IOERR_WRITE), Fault::Fatal(_)));
        assert!(matches!(fault(ffi::SQLITE_CORRUPT), Fault::Fatal(_)));
    }
}
