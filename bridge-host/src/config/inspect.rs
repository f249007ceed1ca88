//! A deeper look into a subscription, which the rooms above know to take. What it
//! is about stays out: components.

use super::{Subscription, WasmSettings};
use crate::schema::Fault;

/// Looks deeper into a subscription that is well written: whether its
/// components export the right thing, and know their topics.
pub type Inspect<'a> = &'a dyn Fn(&WasmSettings, &Subscription) -> Vec<Fault>;
