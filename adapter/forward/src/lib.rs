//! The adapter as a component: it receives messages and sends HTTP requests.
//! These are only bindings: `mapping` decides what a message or a status means.

wit_bindgen::generate!({
    path: "../../wit",
    world: "bridge:worlds/forward",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::Guest;
use wasi::messaging::types::{Error, Message};

struct Adapter;

impl Guest for Adapter {
    fn handle(ms: Message) -> Result<(), Error> {
        let settings = webhook::endpoint().map_err(lower)?;
        let message = read(&ms);
        drop(ms);
        webhook::post(settings, message).map_err(lower)
    }

    /// The host subscribes: the adapter accepts any message.
    fn subscribe() -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

fn read(message: &Message) -> mapping::Message {
    mapping::Message {
        topic: message.topic(),
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
