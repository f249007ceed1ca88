//! Publishes a short summary of each message, on the topic of the setting `topic` and the
//! connection of the setting `connection`.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "bridge:worlds/publisher",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use serde_json::json;
use wasi::config::store;
use wasi::messaging::producer;
use wasi::messaging::types::Client;

struct Summarise;

impl Guest for Summarise {
    fn handle(ms: Message) -> Result<(), Error> {
        let summary = json!({
            "topic": ms.topic(),
            "content-type": ms.content_type(),
            "bytes": ms.data().len(),
            "metadata": ms.metadata().unwrap_or_default().len(),
        });
        let message = Message::new(&setting("topic")?, summary.to_string().as_bytes());
        message.set_content_type("application/json");
        // Both may fail with a transient error: the host then retries this message.
        let client = Client::connect(&setting("connection")?)?;
        producer::send(client, message)
    }

    /// Returns no topics: the config has them.
    fn subscribe() -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

fn setting(key: &str) -> Result<String, Error> {
    match store::get(key) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(Error::Other(format!("the setting `{key}` is missing"))),
        Err(error) => Err(Error::Other(format!("the setting `{key}`: {error:?}"))),
    }
}

export!(Summarise);
