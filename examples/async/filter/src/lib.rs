//! Drops small orders, as the filter of examples/filter-enrich does, in front of an
//! asynchronous adapter: one instance handles many messages concurrently.

wit_bindgen::generate!({
    path: [
        "../../../wit/deps/config",
        "../../../wit/deps/messaging",
        "../../../wit/async",
    ],
    world: "bridge:messaging/middleware",
    generate_all,
});

use bridge::messaging::incoming_handler as next;
use exports::bridge::messaging::incoming_handler::{Error, Guest, Message};
use wasi::config::store;

struct Filter;

impl Guest for Filter {
    async fn handle(ms: Message) -> Result<(), Error> {
        match (amount(&ms), minimum()?) {
            // Returning Ok without a call to the next component drops the message.
            (Some(amount), Some(minimum)) if amount < minimum => Ok(()),
            _ => next::handle(ms).await,
        }
    }

    async fn subscribe() -> Result<Vec<String>, Error> {
        next::subscribe().await
    }
}

/// Returns the amount of the order; `None` if the message is not an order.
fn amount(ms: &Message) -> Option<f64> {
    let value: serde_json::Value = serde_json::from_slice(&ms.data()).ok()?;
    value.get("amount")?.as_f64()
}

/// Returns the setting. While it is invalid, messages become dead letters, which you can
/// replay once it is fixed.
fn minimum() -> Result<Option<f64>, Error> {
    let text = store::get("minimum").map_err(|error| Error::Other(format!("{error:?}")))?;
    let Some(text) = text else {
        return Ok(None);
    };
    let wrong = |_| Error::Other(format!("the setting `minimum` is not a number: {text:?}"));
    text.trim().parse().map(Some).map_err(wrong)
}

export!(Filter);
