//! Which of two shapes a component's wasi:messaging has. They have one name and
//! one version, so that only what is in them tells them apart.

/// What `wasi:messaging@0.2.0-draft` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The published contract, on which our own asynchronous interface stands.
    Published,
    /// The newest draft.
    Draft,
}

impl Shape {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Published => "the published wasi:messaging@0.2.0-draft",
            Self::Draft => "the newest draft of wasi:messaging, of the same version 0.2.0-draft",
        }
    }

    /// Where its WIT is.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Published => "wit/deps/messaging",
            Self::Draft => "wit/draft/deps/messaging",
        }
    }
}
