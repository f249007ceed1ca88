//! Messages, and the ids of those that are made: as the host would give them.

use std::cell::RefCell;

use crate::exports::wasi::messaging::types::GuestMessage;

/// The metadata entry that holds a message's id. Where there are ids, what a
/// component adds under it is not kept, as by the host: copying all metadata
/// does not make two messages of one identity.
const ID_KEY: &str = "webhook-id";

thread_local! {
    static MADE: RefCell<Option<Made>> = const { RefCell::new(None) };
}

/// The ids of the messages that are made in one call.
struct Made {
    /// All but their number.
    stem: String,
    so_far: u32,
}

/// A call begins. `first` is the host's id for the first message made in it.
pub fn begin_call(first: Option<String>) {
    let made = first.map(|first| Made {
        stem: first.strip_suffix(".1").unwrap_or(&first).into(),
        so_far: 0,
    });
    MADE.set(made);
}

fn next_id() -> Option<String> {
    MADE.with_borrow_mut(|made| {
        let made = made.as_mut()?;
        made.so_far += 1;
        Some([&made.stem, ".", &made.so_far.to_string()].concat())
    })
}

/// Behind a component's `message`.
pub struct Message {
    id: Option<String>,
    inner: RefCell<mapping::Message>,
}

impl Message {
    /// A message with this id.
    pub fn of(mut inner: mapping::Message, id: Option<String>) -> Self {
        if id.is_some() {
            inner.metadata.retain(|(key, _)| key != ID_KEY);
        }
        Self {
            id,
            inner: RefCell::new(inner),
        }
    }

    /// As it is sent, its id among the metadata.
    pub fn into_sent(self) -> mapping::Message {
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
        Self::of(inner, next_id())
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
