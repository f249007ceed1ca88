//! The interface between `delivery` and components.

use futures_util::future::BoxFuture;

use super::outcome::{Call, Outcome};

/// Handles messages. `Component` implements it, and so do the scripts in the simulations of
/// `delivery`.
pub trait MessageHandler: Send + Sync {
    /// Makes one attempt. The call's timeout begins when an instance is available. Dropping the
    /// future stops the component.
    fn handle(&self, call: Call) -> BoxFuture<'_, Outcome>;
}
