//! The adapter for what a component sends, with messages and clients of its
//! own: the name that a component connects to chooses the endpoint.

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
        let message = m.into_inner::<message::Message>().into_sent();
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
        Message::new(message::Message::of(inner, id))
    }
}

fn lower(failed: mapping::Failed) -> Error {
    match failed {
        mapping::Failed::Timeout => Error::Timeout,
        mapping::Failed::Connection(text) => Error::Connection(text),
        mapping::Failed::Other(text) => Error::Other(text),
    }
}

export!(ProduceByName);
