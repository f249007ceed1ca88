//! The adapter as a component: messages in, HTTP requests out. Bindings around
//! `webhook` and `mapping`; what a message or a status means is decided there.

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

    /// The adapter takes whatever it is given.
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

fn lower(failed: mapping::Failed) -> Error {
    match failed {
        mapping::Failed::Timeout => Error::Timeout,
        mapping::Failed::Connection(text) => Error::Connection(text),
        mapping::Failed::Other(text) => Error::Other(text),
    }
}

export!(Adapter);
