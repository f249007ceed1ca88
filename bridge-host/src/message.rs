//! A message, its id, its metadata and its topic, which all other modules use. I/O,
//! brokers and components stay out.

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

/// A message: data on a topic, with a media type and metadata
/// (`wasi:messaging/types.message`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Dot-separated words, without wildcards; see [`check_topic`].
    pub topic: String,
    /// The media type of `data`, if it is known.
    pub content_type: Option<String>,
    /// Keys and values, in the order in which they were set. Keys are unique.
    pub metadata: Vec<(String, String)>,
    /// The payload, in any format.
    pub data: Bytes,
}

impl Message {
    /// Creates a message without a media type and without metadata.
    pub fn new(topic: impl Into<String>, data: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            content_type: None,
            metadata: Vec::new(),
            data: data.into(),
        }
    }

    /// Replaces all metadata. If a key occurs twice, the last value takes the position of
    /// the first. Refuses more metadata than a message may have.
    pub fn set_metadata(&mut self, entries: Vec<(String, String)>) -> Result<(), MetadataError> {
        MetadataSize::of(&entries).check()?;
        self.set_any_metadata(entries);
        Ok(())
    }

    /// Replaces all metadata without a limit. A broker may still refuse the message. The
    /// hop count does not change.
    pub fn set_any_metadata(&mut self, entries: Vec<(String, String)>) {
        let hops = self.hops();
        self.metadata = match entries.len() {
            0 | 1 => entries,
            _ => metadata::unique(entries),
        };
        self.set_hops(hops);
    }

    /// Sets the value of a key, and replaces the value that the key had. Has no effect on
    /// the hop count.
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
