//! Drops small orders, as the filter of examples/filter-enrich does, in front
//! of an asynchronous adapter: many messages are under way in one instance.

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
            // Ok without calling on: the message is dropped, and done with.
            (Some(amount), Some(minimum)) if amount < minimum => Ok(()),
            _ => next::handle(ms).await,
        }
    }

    async fn subscribe() -> Result<Vec<String>, Error> {
        next::subscribe().await
    }
}

/// The order's amount, where the message is one that has it.
fn amount(ms: &Message) -> Option<f64> {
    let value: serde_json::Value = serde_json::from_slice(&ms.data()).ok()?;
    value.get("amount")?.as_f64()
}

/// The setting. While it is wrong, messages become dead letters, which can be
/// replayed once it is mended.
fn minimum() -> Result<Option<f64>, Error> {
    let text = store::get("minimum").map_err(|error| Error::Other(format!("{error:?}")))?;
    let Some(text) = text else {
        return Ok(None);
    };
    let wrong = |_| Error::Other(format!("the setting `minimum` is no number: {text:?}"));
    text.trim().parse().map(Some).map_err(wrong)
}

export!(Filter);
