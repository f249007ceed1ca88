//! The environment variables that a config may refer to. Only `config/load` reads the
//! environment of the process.

use std::collections::BTreeMap;

/// A source of environment variables.
pub trait Environment {
    /// Returns the value of a variable; `None` if it is unset or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// Returns whether a variable has a value, in UTF-8 or not.
    fn is_set(&self, name: &str) -> bool {
        self.variable(name).is_some()
    }
}

impl Environment for BTreeMap<String, String> {
    fn variable(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}
