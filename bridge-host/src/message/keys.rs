//! The keys of the metadata entries that belong to the host. Their values are in `id` and
//! `hops`.

/// The metadata entry and the HTTP header with a message's id. The entry belongs to the
/// host: a component that copies all metadata to another message does not copy the id.
pub const ID_KEY: &str = "webhook-id";

/// The metadata entry with the hop count, on every broker. It belongs to the host:
/// components and publishers can neither read nor set it.
pub const HOPS_KEY: &str = "bridge-hops";
