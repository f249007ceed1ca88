//! The type of a function that inspects the components of a subscription. The function
//! itself is in `cli`, since `config` does not know components.

use super::{Subscription, WasmSettings};
use crate::schema::Fault;

/// A function that inspects the components of a valid subscription: their exports and
/// their topics.
pub type Inspect<'a> = &'a dyn Fn(&WasmSettings, &Subscription) -> Vec<Fault>;
