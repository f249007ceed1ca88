//! The adapter for chains that use the newest draft of wasi:messaging: like
//! `forward`, with the draft's messages. `mapping` decides what a message or a
//! status means.

wit_bindgen::generate!({
    path: ["../../wit/deps/config", "../../wit/draft"],
    world: "bridge:draft/forward",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::Guest;
use wasi::messaging::types::{Error, Message};

struct Adapter;

impl Guest for Adapter {
    fn handle(message: Message) -> Result<(), Error> {
        let settings = webhook::endpoint().map_err(lower)?;
        let read = read(&message);
        drop(message);
        webhook::post(settings, read).map_err(lower)
    }
}

fn read(message: &Message) -> mapping::Message {
    mapping::Message {
        topic: message.topic().unwrap_or_default(),
        content_type: message.content_type(),
        metadata: message.metadata().unwrap_or_default(),
        data: message.data(),
    }
}

fn lower(failed: mapping::ExchangeError) -> Error {
    match failed {
        mapping::ExchangeError::Timeout => Error::Timeout,
        mapping::ExchangeError::Connection(text) => Error::Connection(text),
        mapping::ExchangeError::Other(text) => Error::Other(text),
    }
}

export!(Adapter);
