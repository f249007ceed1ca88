//! A message, its identity and its topic: the words every room above speaks.
//! No I/O, no broker and no component here.

mod date;
mod hops;
mod id;
mod keys;
mod metadata;
mod topic;

pub use date::rfc3339;
pub use id::{IdError, MessageId};
pub use keys::{HOPS_KEY, ID_KEY};
pub use metadata::{MetadataError, MetadataSize};
pub use topic::{PatternError, TopicError, TopicPattern, check_topic};

use bytes::Bytes;

/// Some bytes on a topic, and what is known about them
/// (`wasi:messaging/types.message`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Dot-separated words, without wildcards; see [`check_topic`].
    pub topic: String,
    /// The media type of `data`, where it is known.
    pub content_type: Option<String>,
    /// Keys are unique, and keep the order in which they came.
    pub metadata: Vec<(String, String)>,
    /// The payload. Nothing is assumed of it.
    pub data: Bytes,
}

impl Message {
    /// A message with neither content-type nor metadata.
    pub fn new(topic: impl Into<String>, data: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            content_type: None,
            metadata: Vec::new(),
            data: data.into(),
        }
    }

    /// Sets all the metadata; of a key that is there twice, the last value
    /// counts, in the place of the first. Too much of it is refused.
    pub fn set_metadata(&mut self, entries: Vec<(String, String)>) -> Result<(), MetadataError> {
        MetadataSize::of(&entries).check()?;
        self.set_any_metadata(entries);
        Ok(())
    }

    /// The same, however much it is: whoever takes the message may refuse it.
    /// The hop count stays as it was.
    pub fn set_any_metadata(&mut self, entries: Vec<(String, String)>) {
        let hops = self.hops();
        self.metadata = match entries.len() {
            0 | 1 => entries,
            _ => metadata::unique(entries),
        };
        self.set_hops(hops);
    }

    /// Sets the value of a key, overwriting the one it has. The hop count is
    /// not set this way.
    pub fn add_metadata(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let key = key.into();
        if key == HOPS_KEY {
            return;
        }
        match self.metadata.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value.into(),
            None => self.metadata.push((key, value.into())),
        }
    }
}
