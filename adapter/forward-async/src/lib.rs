//! The asynchronous adapter: like `forward`, with many messages in flight in one
//! instance, and with requests that go to the handler that it is composed with.
//! Its settings and error names are the same as in `forward`.

mod exchange;
#[path = "../../webhook/src/failure.rs"]
mod failure;
#[path = "../../webhook/src/settings.rs"]
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
        let settings = settings::endpoint().map_err(lower)?;
        let request = mapping::encode(settings, read(&ms));
        drop(ms);
        exchange::run(settings, request).await.map_err(lower)
    }

    /// The host subscribes: the adapter accepts any message.
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

fn lower(failed: mapping::ExchangeError) -> Error {
    match failed {
        mapping::ExchangeError::Timeout => Error::Timeout,
        mapping::ExchangeError::Connection(text) => Error::Connection(text),
        mapping::ExchangeError::Other(text) => Error::Other(text),
    }
}

export!(Adapter);
