//! Completes orders: each message gets an entry of metadata, each JSON object
//! a `currency`, and a batch becomes one message for each of its items.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "bridge:worlds/middleware",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use serde_json::Value;
use wasi::config::store;
use wasi::messaging::incoming_handler as next;

struct Enrich;

impl Guest for Enrich {
    fn handle(ms: Message) -> Result<(), Error> {
        let value: Option<Value> = serde_json::from_slice(&ms.data()).ok();
        let items = value
            .as_ref()
            .and_then(|value| value.get("items")?.as_array());
        match (ms.topic().strip_suffix(".batch"), items) {
            (Some(topic), Some(items)) => split(&ms, topic, items),
            _ => pass_on(ms, value),
        }
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        next::subscribe()
    }
}

/// Passes each item on as a message of its own. One that fails keeps none of
/// the others back; the batch is tried again if that may help any of them.
fn split(batch: &Message, topic: &str, items: &[Value]) -> Result<(), Error> {
    let mut worst = Ok(());
    for item in items {
        let ms = Message::new(topic, item.to_string().as_bytes());
        ms.set_content_type("application/json");
        for (key, value) in batch.metadata().unwrap_or_default() {
            ms.add_metadata(&key, &value);
        }
        match (pass_on(ms, Some(item.clone())), &worst) {
            (Ok(()), _) => {}
            (Err(Error::Other(_)), Err(_)) => {}
            (error, _) => worst = error,
        }
    }
    worst
}

/// Completes one message, and passes it on.
fn pass_on(ms: Message, value: Option<Value>) -> Result<(), Error> {
    ms.add_metadata("enriched-by", "enrich");
    if let Some(Value::Object(mut order)) = value {
        order.entry("currency").or_insert(currency()?.into());
        ms.set_data(Value::Object(order).to_string().as_bytes());
    }
    next::handle(ms)
}

fn currency() -> Result<String, Error> {
    let setting = store::get("currency").map_err(|error| Error::Other(format!("{error:?}")))?;
    Ok(setting.unwrap_or_else(|| "EUR".into()))
}

export!(Enrich);
