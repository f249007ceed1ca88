//! The settings of an embedded broker.
//!
//! `config` checks that no two brokers share a folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::schema::{self, duration, path, size, table};
use crate::settings;

settings! {
    /// One embedded broker.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settings {
        /// The folder for its files; each embedded broker needs its own. Required for a broker that
        /// is not named `embedded`.
        path: PathBuf = path().default("\"bridge-data\"");
        /// How long settled messages are kept.
        retention: Retention = table().default("{}");
        /// A message with an id that was seen on the same topic within this time is a duplicate.
        deduplication_window: Duration = duration().default("\"10m\"");
        /// The largest data that a message may have.
        max_message_size: u64 = size().default("\"64MiB\"");
        /// How much the pending messages and dead letters of a subscription may take, in bytes, by
        /// the subscription's name.
        quotas: BTreeMap<String, u64> => BTreeMap::new();
    }
}

settings! {
    /// When settled messages are removed. Pending messages and dead letters are always kept.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Retention {
        /// Settled messages older than this are removed.
        max_age: Duration = duration().default("\"1d\"");
        /// The size of all messages together. Beyond it, the oldest settled messages are removed.
        /// If there are none, publishing is refused with 507, and `/readyz` answers 503.
        max_size: u64 = size().default("\"10GiB\"");
        /// When dead letters are removed automatically. The oldest are removed first; removed ones
        /// count as `dropped`.
        dead_letters: LetterRetention = table().default("{}");
    }
}

settings! {
    /// When dead letters are removed automatically. Unless one of these is set, they are kept.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct LetterRetention in "`retention.dead_letters`" {
        /// Dead letters older than this are removed.
        max_age: Option<Duration> = duration().optional("none: they are kept");
        /// While all dead letters together are larger than this, the oldest are removed.
        max_size: Option<u64> = size().optional("none: they are kept");
    }
}

impl Default for Settings {
    fn default() -> Self {
        schema::defaults()
    }
}
