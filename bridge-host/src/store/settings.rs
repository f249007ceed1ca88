//! What a user sets of an embedded broker. That no two share a folder stays out:
//! `config` sees all of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::schema::{self, duration, path, size, table};
use crate::settings;

settings! {
    /// One embedded broker.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settings {
        /// The folder that it keeps its files in; one for each broker. Required for a broker that is not named
        /// `embedded`.
        path: PathBuf = path().default("\"bridge-data\"");
        /// How long messages stay that no subscription waits for any more.
        retention: Retention = table().default("{}");
        /// An id seen again on the same topic within this time is a duplicate.
        deduplication_window: Duration = duration().default("\"10m\"");
        /// The most data that one message may have.
        max_message_size: u64 = size().default("\"64MiB\"");
        /// How much a subscription's pending messages and dead letters may take, in bytes, by its name.
        quotas: BTreeMap<String, u64> => BTreeMap::new();
    }
}

settings! {
    /// When a settled message goes. One that a subscription still waits for, or
    /// that is a dead letter, always stays.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Retention {
        /// Settled messages older than this are removed.
        max_age: Duration = duration().default("\"1d\"");
        /// The size of all messages together: beyond it the oldest settled ones are removed. If there are none,
        /// publishing is refused with 507, and `/readyz` answers 503.
        max_size: u64 = size().default("\"10GiB\"");
        /// When dead letters are removed automatically. The oldest are removed first; removed ones count as
        /// `dropped`.
        dead_letters: LetterRetention = table().default("{}");
    }
}

settings! {
    /// When dead letters go by themselves: never, unless one of these is set.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct LetterRetention in "`retention.dead_letters`" {
        /// Dead letters older than this are removed.
        max_age: Option<Duration> = duration().optional("none: they are kept");
        /// While all dead letters together take more than this, the oldest are removed.
        max_size: Option<u64> = size().optional("none: they are kept");
    }
}

impl Default for Settings {
    fn default() -> Self {
        schema::defaults()
    }
}
