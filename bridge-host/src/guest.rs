//! Components at work: the one room that names wasmtime. It tells what a call
//! showed, and judges nothing.

mod outcome;
mod settings;

pub use outcome::{Call, CallResult, Exchange, Failure, Outcome};
pub use settings::Limits;

use async_trait::async_trait;

/// Whatever handles messages: a pool of a component's instances here, a
/// script of outcomes in the simulations of `delivery`.
#[async_trait]
pub trait Handle: Send + Sync {
    /// Makes one attempt. Dropped before its end, it stops the component.
    async fn handle(&self, call: Call) -> Outcome;
}
