//! The one place that sends HTTP. It reports, and never retries.

mod secret;

pub use secret::Secret;
