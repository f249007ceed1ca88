//! The two revisions of wasi:messaging. Both have the same name and version, so that only their
//! content tells them apart.

/// A revision of `wasi:messaging@0.2.0-draft`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessagingRevision {
    /// The published contract. The asynchronous interface of bridge-host builds on it.
    Published,
    /// The newest draft.
    Draft,
}

impl MessagingRevision {
    /// Returns a description to show.
    pub fn description(self) -> &'static str {
        match self {
            Self::Published => "the published wasi:messaging@0.2.0-draft",
            Self::Draft => "the newest draft of wasi:messaging, of the same version 0.2.0-draft",
        }
    }

    /// Returns the folder of its WIT files in bridge-host's source.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Published => "wit/deps/messaging",
            Self::Draft => "wit/draft/deps/messaging",
        }
    }
}
