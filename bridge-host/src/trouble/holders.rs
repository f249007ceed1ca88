//! Counts the guards of each trouble. The guards themselves are in `guard`.

use std::collections::HashMap;

/// The guards of each trouble, by the trouble's name.
#[derive(Debug, Default)]
pub(super) struct Holders(pub HashMap<&'static str, Holder>);

#[derive(Debug, Default)]
pub(super) struct Holder {
    /// The number of guards now.
    pub now: usize,
    /// The number of guards since the start.
    pub ever: u64,
}
