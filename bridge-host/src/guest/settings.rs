//! What a user sets of a component: its limits, and what it may see of the
//! machine.

use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// What one component may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, in bytes.
    pub memory: u64,
    /// Requests that one call may have open at once.
    pub requests: u32,
    /// What one call may print, in bytes.
    pub output: u64,
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
            requests: 128,
            output: 1 << 20,
            compute: Duration::from_secs(5),
            fresh: false,
            recycle_after: 100_000,
        }
    }
}

/// What a component may see of the machine. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Its environment.
    pub env: Vec<(String, Secret)>,
    /// The folders that it may open.
    pub dirs: Vec<Folder>,
}

/// A folder that a component may open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Its name for the component.
    pub seen_as: String,
    /// It may change what is in it.
    pub write: bool,
}
