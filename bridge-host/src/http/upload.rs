//! Whether the body of a request is complete when the request is sent.

/// Whether a request's body is complete when the request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// The body is complete, and so short that a connection takes it in one write. Nothing has to
    /// be written while the exchange waits for the response.
    Complete,
    /// The body is long, or its writer may write more.
    Streamed,
}
