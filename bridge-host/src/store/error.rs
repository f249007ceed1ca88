//! What can go wrong with the store: the errors its users see, and which
//! SQLite failures pass, which stop the broker.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};

use crate::message::{MetadataError, TopicError};

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
    #[error("there is no dead letter {0}: `bridge-host dead-letters list` shows those there are")]
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
pub(super) enum WriteFault {
    /// No room on the disk: it passes when there is some.
    Full(String),
    /// Another process held the database for too long: it passes.
    Busy(String),
    /// This command cannot be done; others can.
    Command(String),
    /// What is on the disk is uncertain from here on.
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

    /// What a publisher or a settlement is answered.
    pub(super) fn for_caller(&self) -> StoreFailure {
        match self {
            Self::Full(text) => StoreFailure::NoSpace(text.clone()),
            Self::Busy(text) => StoreFailure::Locked(text.clone()),
            Self::Command(text) | Self::Fatal(text) => StoreFailure::NotWritten(text.clone()),
        }
    }
}

/// Why the store does not do what it is asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreFailure {
    /// It was closed.
    #[error("the embedded broker is closed")]
    Closed,
    /// What is on the disk is uncertain: nothing is taken or given any more.
    #[error(
        "the embedded broker in {} stopped, as its storage failed: {why}. Look after the disk, then start the bridge again",
        folder.display()
    )]
    Stopped {
        /// The store's folder.
        folder: PathBuf,
        /// What failed.
        why: String,
    },
    /// Something stored cannot be read: nothing more is taken.
    #[error(
        "the embedded broker in {} takes no more messages, because its database is damaged: {why}. Stop the bridge and restore the database from a copy",
        folder.display()
    )]
    Damaged {
        /// The store's folder.
        folder: PathBuf,
        /// What cannot be read.
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
        /// The store's folder.
        folder: PathBuf,
        /// What SQLite said.
        why: String,
    },
    /// The files cannot be opened.
    #[error(transparent)]
    NotOpened(Arc<StoreError>),
    /// SQLite found no room on the disk.
    #[error("{0}; make some on this disk")]
    NoSpace(String),
    /// The disk is full, as is known since an earlier write.
    #[error("the disk of the embedded broker in {} is full: free some space on it", .0.display())]
    DiskFull(PathBuf),
    /// Retention allows no more.
    #[error(
        "the embedded broker keeps {kept} bytes of at most {most}, {found}: let subscriptions catch up, replay or drop dead letters, or raise the retention's `max_size`"
    )]
    RetentionFull {
        /// All bytes that are kept.
        kept: u64,
        /// The most that there may be.
        most: u64,
        /// Why none of them can be removed.
        found: &'static str,
    },
    /// The only subscription for a message is at its quota.
    #[error(
        "the subscription {name:?} has reached its quota of {quota} bytes, and no other subscription takes this message: let it catch up, replay or drop its dead letters, or raise its `quota`"
    )]
    QuotaFull {
        /// Its name.
        name: String,
        /// In bytes.
        quota: u64,
    },
    /// Two members of a subscription do not agree on what it is.
    #[error(
        "subscription {0:?} is open already, with other topics or another order: give this one another name"
    )]
    OpenAlready(String),
    /// The topic of a message is none.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// A message has too much metadata.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A message that has more bytes than `max_message_size`, or than a row can
    /// hold.
    #[error("a message has at most {max} bytes of data here, this one has {size}")]
    TooLarge {
        /// Of the message.
        size: u64,
        /// The most there can be.
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
    fn only_a_doubtful_disk_is_fatal() {
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
