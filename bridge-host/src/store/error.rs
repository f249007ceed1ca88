//! Errors of the store: those that callers see, and which SQLite errors are temporary, or stop the
//! store.
//!
//! `broker::local_store` converts them to the errors of brokers.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};

use crate::message::{MetadataError, TopicError};

/// Why the folder of a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused access.
    #[error("cannot use the folder {} for an embedded broker: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another process has the store open.
    #[error(
        "another bridge-host uses the embedded broker in {}: stop it, or set another `path`",
        .0.display()
    )]
    InUse(PathBuf),
    /// The folder contains no store.
    #[error("there is no embedded broker in {}: pass the bridge's config with --config, or the broker's folder with --data", .0.display())]
    Missing(PathBuf),
    /// The file was written by another version.
    #[error(
        "{} has format {found}, and this bridge-host knows format {known}: use the version that wrote it, or set another `path`",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The format that this version writes.
        known: i64,
    },
    /// The file is an SQLite database, but not a store.
    #[error("{} is not a database of bridge-host: set another `path`", .0.display())]
    Foreign(PathBuf),
    /// The file system does not support a WAL, which needs memory shared between processes.
    #[error(
        "the file system of {} does not support SQLite's write-ahead log, like most network file systems: set a `path` on a local disk",
        .0.display()
    )]
    NoWal(PathBuf),
    /// SQLite failed.
    #[error("{}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// No dead letter has this number.
    #[error("there is no dead letter {0}: `bridge-host dead-letters list` shows those there are")]
    NoDeadLetter(i64),
    /// The subscription has messages, and the caller did not permit their loss.
    #[error(
        "the subscription {name:?} has {pending} pending deliveries and {dead_letters} dead letters, which would be lost: pass --yes to delete them"
    )]
    NotEmpty {
        /// The name of the subscription.
        name: String,
        /// How many deliveries are pending.
        pending: u64,
        /// How many dead letters are neither replayed nor dropped.
        dead_letters: u64,
    },
    /// No subscription has this name.
    #[error("the store has no subscription {name:?}; it has {known}")]
    NoSubscription {
        /// The requested name.
        name: String,
        /// The names of the existing subscriptions.
        known: String,
    },
}

/// A failed write, by its consequence.
#[derive(Debug)]
pub(super) enum WriteFault {
    /// The disk is full. A later write succeeds when there is room.
    Full(String),
    /// Another process held the database for too long. A later write may succeed.
    Busy(String),
    /// This command cannot be written; others can.
    Command(String),
    /// The state of the file on disk is uncertain from now on.
    Fatal(String),
}

impl WriteFault {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let text = error.to_string();
        let rusqlite::Error::SqliteFailure(failure, _) = error else {
            return Self::Command(text);
        };
        match failure.code {
            ErrorCode::DiskFull => Self::Full(text),
            // SQLite reports a full disk in this way when it extends the index of the WAL.
            _ if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => Self::Full(text),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy(text),
            ErrorCode::ConstraintViolation
            | ErrorCode::TooBig
            | ErrorCode::TypeMismatch
            | ErrorCode::OutOfMemory => Self::Command(text),
            _ => Self::Fatal(text),
        }
    }

    /// Returns the error for the caller of the command.
    pub(super) fn for_caller(&self) -> StoreFailure {
        match self {
            Self::Full(text) => StoreFailure::NoSpace(text.clone()),
            Self::Busy(text) => StoreFailure::Locked(text.clone()),
            Self::Command(text) | Self::Fatal(text) => StoreFailure::NotWritten(text.clone()),
        }
    }
}

/// Why an operation of the store failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreFailure {
    /// The store was closed.
    #[error("the embedded broker is closed")]
    Closed,
    /// The state of the file on disk is uncertain: the store neither takes nor delivers messages.
    #[error(
        "the embedded broker in {} stopped, because its storage failed: {why}. Check the disk, then restart the bridge",
        folder.display()
    )]
    Stopped {
        /// The folder of the store.
        folder: PathBuf,
        /// The error that stopped it.
        why: String,
    },
    /// A stored row cannot be read: the store takes no more messages.
    #[error(
        "the embedded broker in {} takes no more messages, because its database is damaged: {why}. Stop the bridge and restore the database from a copy",
        folder.display()
    )]
    Damaged {
        /// The folder of the store.
        folder: PathBuf,
        /// The error of the read.
        why: String,
    },
    /// Another process held the database for too long.
    #[error("another process keeps the embedded broker's database locked: {0}")]
    Locked(String),
    /// SQLite could not write.
    #[error("the embedded broker could not write: {0}")]
    NotWritten(String),
    /// SQLite could not read.
    #[error("the embedded broker in {} could not be read: {why}", folder.display())]
    NotRead {
        /// The folder of the store.
        folder: PathBuf,
        /// The error of SQLite.
        why: String,
    },
    /// The files cannot be opened.
    #[error(transparent)]
    NotOpened(Arc<StoreError>),
    /// SQLite found no room on the disk.
    #[error("{0}: free some space on the disk of the embedded broker")]
    NoSpace(String),
    /// The disk is full, as an earlier write found.
    #[error("the disk of the embedded broker in {} is full: free some space on it", .0.display())]
    DiskFull(PathBuf),
    /// The store has reached its `max_size`.
    #[error(
        "the embedded broker holds {kept} of at most {most} bytes, {found}: let subscriptions catch up, replay or drop dead letters, or raise the retention's `max_size`"
    )]
    RetentionFull {
        /// The size of all messages, in bytes.
        kept: u64,
        /// The limit, in bytes.
        most: u64,
        /// Why no message can be removed.
        found: &'static str,
    },
    /// The only subscription for the message has reached its quota.
    #[error(
        "the subscription {name:?} has reached its quota of {quota} bytes, and no other subscription takes this message: let it catch up, replay or drop its dead letters, or raise its `quota`"
    )]
    QuotaFull {
        /// The name of the subscription.
        name: String,
        /// The quota, in bytes.
        quota: u64,
    },
    /// Two members of a subscription have different topics or a different order.
    #[error(
        "subscription {0:?} is open already, with other topics or another order: give this one another name"
    )]
    OpenAlready(String),
    /// The topic of the message is invalid.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The message has too much metadata.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The message has more bytes than `max_message_size`, or than SQLite can store in a row.
    #[error("a message has at most {max} bytes of data here, this one has {size}")]
    TooLarge {
        /// The size of the data, in bytes.
        size: u64,
        /// The limit, in bytes.
        max: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fault(code: i32) -> WriteFault {
        WriteFault::of(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn only_an_uncertain_disk_is_fatal() {
        assert!(matches!(fault(ffi::SQLITE_FULL), WriteFault::Full(_)));
        assert!(matches!(
            fault(ffi::SQLITE_IOERR_SHMSIZE),
            WriteFault::Full(_)
        ));
        assert!(matches!(fault(ffi::SQLITE_BUSY), WriteFault::Busy(_)));
        assert!(matches!(
            fault(ffi::SQLITE_CONSTRAINT),
            WriteFault::Command(_)
        ));
        assert!(matches!(
            fault(ffi::SQLITE_IOERR_FSYNC),
            WriteFault::Fatal(_)
        ));
        assert!(matches!(
            fault(ffi::SQLITE_IOERR_WRITE),
            WriteFault::Fatal(_)
        ));
        assert!(matches!(fault(ffi::SQLITE_CORRUPT), WriteFault::Fatal(_)));
    }
}
