//! The asynchronous adapter: as `forward`, with many messages under way in one
//! instance, and requests that go to whatever handler it is composed with.
//! Settings and the names of failures are those of its sister, to the letter.

mod exchange;
#[path = "../../forward/src/failure.rs"]
mod failure;
#[path = "../../forward/src/settings.rs"]
mod settings;

wit_bindgen::generate!({
    path: [
        "../../wit/deps/config",
        "../../wit/deps/messaging",
        "../../wit/async",
    ],
    world: "bridge:messaging/forward",
    generate_all,
});

use exports::bridge::messaging::incoming_handler::Guest;
use wasi::messaging::types::{Error, Message};

struct Adapter;

impl Guest for Adapter {
    async fn handle(ms: Message) -> Result<(), Error> {
        let settings = settings::get()?;
        let request = mapping::encode(settings, read(&ms));
        drop(ms);
        exchange::run(settings, request).await.map_err(lower)
    }

    /// The adapter takes whatever it is given.
    async fn subscribe() -> Result<Vec<String>, Error> {
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
