//! What a user sets of an embedded broker.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One embedded broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder that it keeps its files in; made where there is none.
    pub path: PathBuf,
    /// How long messages stay that no subscription waits for any more.
    pub retention: Retention,
    /// An id seen again on its topic within this time is a duplicate.
    pub deduplication_window: Duration,
    /// The most data one message may have, in bytes.
    pub max_message_size: u64,
    /// How much a subscription's pending messages and dead letters may take, in
    /// bytes, by its name.
    pub quotas: BTreeMap<String, u64>,
}

/// When a settled message goes. One that a subscription still waits for, or
/// that is a dead letter, always stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Settled messages older than this are removed.
    pub max_age: Duration,
    /// All messages together, in bytes: beyond it the oldest settled ones are
    /// removed, and when there are none, no more is taken.
    pub max_size: u64,
    /// When dead letters go.
    pub dead_letters: LetterRetention,
}

/// When dead letters go by themselves: never, unless one of these is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterRetention {
    /// Those given up longer ago than this.
    pub max_age: Option<Duration>,
    /// The oldest, while all together take more than this many bytes.
    pub max_size: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: "bridge-data".into(),
            retention: Retention {
                max_age: Duration::from_secs(24 * 3600),
                max_size: 10 << 30,
                dead_letters: LetterRetention::default(),
            },
            deduplication_window: Duration::from_secs(600),
            max_message_size: 64 << 20,
            quotas: BTreeMap::new(),
        }
    }
}
