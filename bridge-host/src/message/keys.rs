//! The metadata entries that belong to the host. What they hold is in `id` and
//! `hops`.

/// The metadata entry and the HTTP header that hold a message's id. The entry belongs to the host: a
/// value that a component adds under this key is dropped, so that a copy of all
/// metadata does not give two messages one identity.
pub const ID_KEY: &str = "webhook-id";

/// The metadata entry that carries the hop count through every broker. It
/// belongs to the host: components and publishers neither see nor set it.
pub const HOPS_KEY: &str = "bridge-hops";
