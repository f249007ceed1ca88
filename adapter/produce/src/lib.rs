//! The adapter for what a component sends: `wasi:messaging/producer` in front,
//! HTTP requests behind. Messages and clients are the host's; of a client the
//! contract has nothing to ask, so all messages go to one endpoint.

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

fn lower(failed: mapping::Failed) -> Error {
    match failed {
        mapping::Failed::Timeout => Error::Timeout,
        mapping::Failed::Connection(text) => Error::Connection(text),
        mapping::Failed::Other(text) => Error::Other(text),
    }
}

export!(Produce);
