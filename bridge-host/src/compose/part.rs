//! What a chain is made of, and how it ends. How it is joined is in `compose`.

/// One component of a chain.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The file it came from, for errors.
    pub name: &'a str,
    /// The component itself.
    pub bytes: &'a [u8],
}

/// How a chain ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    Adapter,
    Open,
}
