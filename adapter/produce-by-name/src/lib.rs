//! The adapter for messages that a component sends, with its own message and
//! client resources: the name that the component connects to selects the
//! endpoint.

mod client;
mod endpoints;
mod message;

wit_bindgen::generate!({
    path: "../../wit",
    world: "bridge:worlds/produce-by-name",
    generate_all,
});

use exports::bridge::worlds::received;
use exports::wasi::messaging::{producer, types};
use types::{Client, Error, Message};

struct ProduceByName;

impl types::Guest for ProduceByName {
    type Client = client::Client;
    type Message = message::Message;
}

impl producer::Guest for ProduceByName {
    fn send(c: Client, m: Message) -> Result<(), Error> {
        let settings = c.get::<client::Client>().settings();
        let message = m.into_inner::<message::Message>().into_mapping();
        webhook::post(settings, message).map_err(lower)
    }
}

impl received::Guest for ProduceByName {
    fn receive(
        topic: String,
        content_type: Option<String>,
        metadata: Vec<(String, String)>,
        data: Vec<u8>,
        id: Option<String>,
        made: Option<String>,
    ) -> Message {
        message::begin_call(made);
        let inner = mapping::Message {
            topic,
            content_type,
            metadata,
            data,
        };
        Message::new(message::Message::with_id(inner, id))
    }
}

fn lower(failed: mapping::ExchangeError) -> Error {
    match failed {
        mapping::ExchangeError::Timeout => Error::Timeout,
        mapping::ExchangeError::Connection(text) => Error::Connection(text),
        mapping::ExchangeError::Other(text) => Error::Other(text),
    }
}

export!(ProduceByName);
