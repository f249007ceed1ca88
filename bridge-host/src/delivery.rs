//! One message through one subscription: attempt, verdict, settlement. The
//! only room that chooses between ack, retry and dead letter.

mod policy;

pub use policy::{Policy, Retry};
