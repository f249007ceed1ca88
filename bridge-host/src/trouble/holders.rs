//! How many suffer from each trouble. Who suffers is in `held`.

use std::collections::HashMap;

/// How many suffer from each trouble, and how often that changed.
#[derive(Debug, Default)]
pub(super) struct Holders(pub HashMap<&'static str, Holder>);

#[derive(Debug, Default)]
pub(super) struct Holder {
    pub now: usize,
    pub ever: u64,
}
