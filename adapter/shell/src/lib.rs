//! Wraps a component that uses the messages of `produce-by-name`: converts each
//! message of the host to one of those. It decides nothing.

wit_bindgen::generate!({
    path: "../../wit",
    world: "bridge:worlds/shell",
    generate_all,
});

use bridge::worlds::{inner_handler, inner_received};
use exports::wasi::messaging::incoming_handler::Guest;
use wasi::messaging::types::{Error, Message};

/// The metadata key of a message's id.
const ID_KEY: &str = "webhook-id";

struct Shell;

impl Guest for Shell {
    fn handle(ms: Message) -> Result<(), Error> {
        let metadata = ms.metadata().unwrap_or_default();
        let id = id_in(&metadata);
        // A host that assigns ids gives each message an id.
        let made = id.as_ref().and_then(|_| {
            let made = Message::new("", &[]);
            id_in(&made.metadata().unwrap_or_default())
        });
        let (topic, content_type, data) = (ms.topic(), ms.content_type(), ms.data());
        drop(ms);
        let inner = inner_received::receive(
            &topic,
            content_type.as_deref(),
            &metadata,
            &data,
            id.as_deref(),
            made.as_deref(),
        );
        drop((metadata, data));
        inner_handler::handle(inner).map_err(lower)
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        inner_handler::subscribe().map_err(lower)
    }
}

fn id_in(metadata: &[(String, String)]) -> Option<String> {
    let found = metadata.iter().find(|(key, _)| key == ID_KEY);
    found.map(|(_, value)| value.clone())
}

fn lower(error: inner_handler::Error) -> Error {
    match error {
        inner_handler::Error::Timeout => Error::Timeout,
        inner_handler::Error::Connection(text) => Error::Connection(text),
        inner_handler::Error::Other(text) => Error::Other(text),
    }
}

export!(Shell);
