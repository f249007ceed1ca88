//! Completes orders: adds an entry of metadata to each message and a `currency` to each
//! JSON object, and splits a batch into one message for each item.

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

/// Forwards each item as a separate message. If one fails, the others are still forwarded.
/// The batch is retried if a retry may help any of them.
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

/// Completes one message and forwards it.
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
