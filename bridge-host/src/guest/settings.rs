//! What a user sets of a component's limits.

use std::time::Duration;

/// What one component may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, in bytes.
    pub memory: u64,
    /// Time spent computing in one call, waiting not counted.
    pub compute: Duration,
    /// A new instance for each message, in place of reused ones.
    pub fresh: bool,
    /// An instance is replaced after so many calls.
    pub recycle_after: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 512 << 20,
            compute: Duration::from_secs(5),
            fresh: false,
            recycle_after: 100_000,
        }
    }
}
