//! A published message: its size in the database, its check for duplicates, and its row.
//!
//! `publish_limits` checks it before it is queued.

use bytes::Bytes;
use rusqlite::{Connection, params};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::clock::wall_ms;
use super::error::StoreFailure;
use super::retention::stored_size;
use crate::message::{Message, MessageId, MetadataSize};

/// The largest row that this store writes. SQLite accepts up to 1,000,000,000 bytes.
pub(super) const MAX_ROW: u64 = 1_000_000_000 - (1 << 20);

/// A message whose size was checked.
pub(super) struct CheckedMessage {
    pub(super) metadata: Option<String>,
    pub(super) size: u64,
}

impl CheckedMessage {
    /// Returns the space that the message takes in the database, in bytes.
    pub(super) fn stored_size(&self) -> u64 {
        stored_size(self.size)
    }

    /// Checks only the limit of SQLite. A message that another broker accepted must be kept,
    /// whatever the limits of this store are.
    pub(super) fn of(message: &Message) -> Result<Self, StoreFailure> {
        let content_type = message.content_type.as_ref().map_or(0, String::len);
        let metadata = MetadataSize::of(&message.metadata).bytes();
        let rest = metadata + message.topic.len() + content_type;
        let size = (message.data.len() + rest) as u64;
        if size > MAX_ROW {
            return Err(StoreFailure::TooLarge { size, max: MAX_ROW });
        }
        let metadata = (!message.metadata.is_empty()).then(|| {
            serde_json::to_string(&message.metadata).expect("pairs of strings are always JSON")
        });
        Ok(Self { metadata, size })
    }
}

/// The result of publishing a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The id of the message, given or generated.
    pub id: MessageId,
    /// Whether the id was known, so that the message was not stored again.
    pub duplicate: bool,
}

pub(super) struct PublishCommand {
    id: MessageId,
    /// Whether the publisher gave the id. A generated id is new, and need not be remembered.
    id_given: bool,
    topic: String,
    content_type: Option<String>,
    metadata: Option<String>,
    data: Bytes,
    size: u64,
    reply: oneshot::Sender<Result<Published, StoreFailure>>,
    _room: OwnedSemaphorePermit,
}

impl PublishCommand {
    pub(super) fn new(
        message: Message,
        id: Option<MessageId>,
        checked: CheckedMessage,
        room: OwnedSemaphorePermit,
        reply: oneshot::Sender<Result<Published, StoreFailure>>,
    ) -> Self {
        Self {
            id_given: id.is_some(),
            id: id.unwrap_or_else(MessageId::generate),
            topic: message.topic,
            content_type: message.content_type,
            metadata: checked.metadata,
            data: message.data,
            size: checked.size,
            reply,
            _room: room,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the space that the message takes in the database, in bytes.
    pub(super) fn stored_size(&self) -> u64 {
        stored_size(self.size)
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns whether its id was seen on its topic after `window_start`. Otherwise remembers the
    /// id.
    pub(super) fn is_duplicate(
        &self,
        conn: &Connection,
        now: i64,
        window_start: i64,
    ) -> rusqlite::Result<bool> {
        if !self.id_given {
            return Ok(false);
        }
        let mut remember = conn.prepare_cached(
            "INSERT INTO recent_ids (topic, id, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (topic, id) DO UPDATE SET at = ?3 WHERE at <= ?4",
        )?;
        let seen = params![self.topic, self.id.as_str(), now, window_start];
        Ok(remember.execute(seen)? == 0)
    }

    /// Removes the id, because the message is not stored.
    pub(super) fn forget(&self, conn: &Connection) -> rusqlite::Result<()> {
        if self.id_given {
            conn.prepare_cached("DELETE FROM recent_ids WHERE topic = ?1 AND id = ?2")?
                .execute([&self.topic, self.id.as_str()])?;
        }
        Ok(())
    }

    /// Inserts the message. Returns its `seq`.
    pub(super) fn insert(&self, conn: &Connection) -> rusqlite::Result<i64> {
        let mut insert = conn.prepare_cached(
            "INSERT INTO messages (id, topic, content_type, metadata, published_at, size, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        insert.insert(params![
            self.id.as_str(),
            self.topic,
            self.content_type,
            self.metadata,
            wall_ms(),
            self.size as i64,
            &self.data[..],
        ])
    }

    pub(super) fn answer(self, result: Result<bool, StoreFailure>) {
        let id = self.id;
        // The publisher may have gone.
        let _ = self
            .reply
            .send(result.map(|duplicate| Published { id, duplicate }));
    }
}
