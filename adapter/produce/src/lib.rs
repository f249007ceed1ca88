//! The adapter for messages that a component sends: it exports
//! `wasi:messaging/producer` and sends HTTP requests. The host provides messages
//! and clients. A client has no name in this contract, so all messages go to one
//! endpoint.

wit_bindgen::generate!({
    path: "../../wit",
    world: "bridge:worlds/produce",
    generate_all,
});

use exports::wasi::messaging::producer::Guest;
use wasi::messaging::types::{Client, Error, Message};

struct Produce;

impl Guest for Produce {
    fn send(_client: Client, m: Message) -> Result<(), Error> {
        let settings = webhook::endpoint().map_err(lower)?;
        let message = read(&m);
        drop(m);
        webhook::post(settings, message).map_err(lower)
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

export!(Produce);
