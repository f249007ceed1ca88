//! The settings of a subscription that only one kind of broker has, as a config sets them.
//! `option_table` declares them for all kinds.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::schema::{Section, SettingValue, Shown};

/// The value of an option.
#[derive(Clone)]
pub struct OptionValue {
    /// A value of the type that its broker reads.
    value: Arc<dyn Any + Send + Sync>,
    pub(super) shown: Shown,
}

/// Reads an optional key of a subscription as its type.
pub fn option<T: SettingValue + Send + Sync + 'static>(
    section: &mut Section<'_>,
    key: &'static str,
) -> Option<OptionValue> {
    let value: T = section.read::<Option<T>>(key)??;
    Some(OptionValue {
        shown: value.show(),
        value: Arc::new(value),
    })
}

/// The settings of a subscription that depend on its broker.
#[derive(Clone, Default)]
pub struct Options(pub(super) BTreeMap<&'static str, OptionValue>);

impl Options {
    /// Returns the value of a key, if the key is set.
    pub fn get<T: 'static>(&self, key: &str) -> Option<&T> {
        self.0.get(key)?.value.downcast_ref()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
