//! A message on its way in: what is refused before it is queued, and its rows.

use bytes::Bytes;
use rusqlite::{Connection, params};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::clock::wall_ms;
use super::retention::footprint;
use super::settings::Settings;
use crate::broker::{BrokerError, Published, SizeLimit};
use crate::message::{Message, MessageId, MetadataSize, check_topic};

/// SQLite takes rows of up to 1,000,000,000 bytes.
const MAX_ROW: u64 = 1_000_000_000 - (1 << 20);

pub(super) struct Limits {
    max_message_size: u64,
}

/// What was found out while checking.
pub(super) struct Checked {
    pub(super) metadata: Option<String>,
    pub(super) size: u64,
}

impl Limits {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            max_message_size: settings.max_message_size.min(MAX_ROW),
        }
    }

    pub(super) fn check(&self, message: &Message) -> Result<Checked, BrokerError> {
        check_topic(&message.topic).map_err(|error| BrokerError::Refused(error.to_string()))?;
        let metadata = MetadataSize::of(&message.metadata).check();
        metadata.map_err(|error| BrokerError::Refused(error.to_string()))?;
        fits(message.data.len() as u64, self.max_message_size)?;
        Checked::of_another(message)
    }
}

impl Checked {
    /// What the message takes in the database.
    pub(super) fn footprint(&self) -> u64 {
        footprint(self.size)
    }

    /// A message that another broker took, whatever its limits are: here it must
    /// have a place, as it has no other. Only what SQLite cannot hold is refused.
    pub(super) fn of_another(message: &Message) -> Result<Self, BrokerError> {
        let content_type = message.content_type.as_ref().map_or(0, String::len);
        let metadata = MetadataSize::of(&message.metadata).bytes();
        let rest = metadata + message.topic.len() + content_type;
        let size = (message.data.len() + rest) as u64;
        fits(size, MAX_ROW)?;
        let metadata = (!message.metadata.is_empty()).then(|| {
            serde_json::to_string(&message.metadata).expect("pairs of strings are always JSON")
        });
        Ok(Self { metadata, size })
    }
}

fn fits(size: u64, max: u64) -> Result<(), BrokerError> {
    match size > max {
        true => Err(BrokerError::TooLarge {
            size,
            max,
            limit: SizeLimit::Data,
        }),
        false => Ok(()),
    }
}

pub(super) struct Publish {
    id: MessageId,
    /// An id made here has never been seen before, and needs no remembering.
    id_given: bool,
    topic: String,
    content_type: Option<String>,
    metadata: Option<String>,
    data: Bytes,
    size: u64,
    reply: oneshot::Sender<Result<Published, BrokerError>>,
    _room: OwnedSemaphorePermit,
}

impl Publish {
    pub(super) fn new(
        message: Message,
        id: Option<MessageId>,
        checked: Checked,
        room: OwnedSemaphorePermit,
        reply: oneshot::Sender<Result<Published, BrokerError>>,
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

    /// What it takes in the database.
    pub(super) fn footprint(&self) -> u64 {
        footprint(self.size)
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Whether its id was seen on its topic after `window_start`; remembers it
    /// otherwise.
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

    /// It is not kept after all: its id may come again.
    pub(super) fn forget(&self, conn: &Connection) -> rusqlite::Result<()> {
        if self.id_given {
            conn.prepare_cached("DELETE FROM recent_ids WHERE topic = ?1 AND id = ?2")?
                .execute([&self.topic, self.id.as_str()])?;
        }
        Ok(())
    }

    /// Writes the message, and says which `seq` it has.
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

    pub(super) fn answer(self, result: Result<bool, BrokerError>) {
        let id = self.id;
        // A publisher that went away meanwhile does not mind.
        let _ = self
            .reply
            .send(result.map(|duplicate| Published { id, duplicate }));
    }
}
