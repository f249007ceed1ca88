//! The environment variables that a config may refer to. The process's own
//! environment stays out: only `config/load` reads it.

use std::collections::BTreeMap;

/// Where variables come from.
pub trait Environment {
    /// The value of a variable; `None` if it is not set, or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether a variable has a value, UTF-8 or not.
    fn is_set(&self, name: &str) -> bool {
        self.variable(name).is_some()
    }
}

impl Environment for BTreeMap<String, String> {
    fn variable(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}
