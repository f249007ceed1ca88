//! How the body of a request goes out, as far as it is known beforehand.

/// How a request's body goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// In one step: all of it is there, and so short that a connection takes it at
    /// once. Nothing has to be written while the response is waited for.
    AtOnce,
    /// Bit by bit: it is long, or its writer may write more.
    InTime,
}
