//! The message resource, and the ids of new messages, which equal those that the
//! host would assign.

use std::cell::RefCell;

use crate::exports::wasi::messaging::types::GuestMessage;

/// The metadata key of a message's id. If the host assigns ids, then an id that a
/// component adds is ignored, as by the host: copying all metadata to another
/// message does not give that message the same identity.
const ID_KEY: &str = "webhook-id";

thread_local! {
    static CALL_IDS: RefCell<Option<CallIds>> = const { RefCell::new(None) };
}

/// The ids of the messages that one call creates.
struct CallIds {
    /// The id without the number.
    prefix: String,
    count: u32,
}

/// Begins a call. `first` is the host's id for the first message that the call
/// creates.
pub fn begin_call(first: Option<String>) {
    let ids = first.map(|first| CallIds {
        prefix: first.strip_suffix(".1").unwrap_or(&first).into(),
        count: 0,
    });
    CALL_IDS.set(ids);
}

fn next_id() -> Option<String> {
    CALL_IDS.with_borrow_mut(|ids| {
        let ids = ids.as_mut()?;
        ids.count += 1;
        Some([&ids.prefix, ".", &ids.count.to_string()].concat())
    })
}

/// The implementation of a component's `message`.
pub struct Message {
    id: Option<String>,
    inner: RefCell<mapping::Message>,
}

impl Message {
    /// Creates a message with this id.
    pub fn with_id(mut inner: mapping::Message, id: Option<String>) -> Self {
        if id.is_some() {
            inner.metadata.retain(|(key, _)| key != ID_KEY);
        }
        Self {
            id,
            inner: RefCell::new(inner),
        }
    }

    /// Returns the message as it is sent, with its id in the metadata.
    pub fn into_mapping(self) -> mapping::Message {
        let mut message = self.inner.into_inner();
        let id = self.id.map(|id| (ID_KEY.into(), id));
        message.metadata.extend(id);
        message
    }
}

impl GuestMessage for Message {
    fn new(topic: String, data: Vec<u8>) -> Self {
        let inner = mapping::Message {
            topic,
            data,
            ..mapping::Message::default()
        };
        Self::with_id(inner, next_id())
    }

    fn topic(&self) -> String {
        self.inner.borrow().topic.clone()
    }

    fn set_topic(&self, topic: String) {
        self.inner.borrow_mut().topic = topic;
    }

    fn content_type(&self) -> Option<String> {
        self.inner.borrow().content_type.clone()
    }

    fn set_content_type(&self, content_type: String) {
        self.inner.borrow_mut().content_type = Some(content_type);
    }

    fn data(&self) -> Vec<u8> {
        self.inner.borrow().data.clone()
    }

    fn set_data(&self, data: Vec<u8>) {
        self.inner.borrow_mut().data = data;
    }

    fn metadata(&self) -> Option<Vec<(String, String)>> {
        let mut metadata = self.inner.borrow().metadata.clone();
        metadata.extend(self.id.iter().map(|id| (ID_KEY.into(), id.clone())));
        (!metadata.is_empty()).then_some(metadata)
    }

    fn add_metadata(&self, key: String, value: String) {
        if key == ID_KEY && self.id.is_some() {
            return;
        }
        let metadata = &mut self.inner.borrow_mut().metadata;
        match metadata.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => metadata.push((key, value)),
        }
    }
}
