//! The seam between `delivery` and components: whatever handles a message.

use futures_util::future::BoxFuture;

use super::outcome::{Call, Outcome};

/// Handles messages: a pool of a component's instances here, a script of
/// outcomes in the simulations of `delivery`.
pub trait Handle: Send + Sync {
    /// Makes one attempt. It ends within the call's timeout, counted from the
    /// moment when the call has an instance. Dropped before its end, it stops the
    /// component.
    fn handle(&self, call: Call) -> BoxFuture<'_, Outcome>;
}
