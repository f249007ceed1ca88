//! The parts of a chain, and its end. Joining them is in `compose`.

/// One component of a chain.
#[derive(Clone, Copy, Debug)]
pub struct ChainPart<'a> {
    /// The file that it was read from, for errors.
    pub name: &'a str,
    /// The component.
    pub bytes: &'a [u8],
}

/// What a chain ends with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ChainEnd {
    /// A part that does not forward messages.
    Complete,
    /// The adapter, which is added.
    Adapter,
    /// Any part. What it calls stays open.
    Open,
}
