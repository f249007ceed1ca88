//! Drops small orders: a JSON message whose `amount` is below the setting
//! `minimum` goes no further. Everything else is passed on as it is.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "bridge:worlds/middleware",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use wasi::config::store;
use wasi::messaging::incoming_handler as next;

struct Filter;

impl Guest for Filter {
    fn handle(ms: Message) -> Result<(), Error> {
        match (amount(&ms), minimum()?) {
            // Ok without calling on: the message is dropped, and done with.
            (Some(amount), Some(minimum)) if amount < minimum => Ok(()),
            _ => next::handle(ms),
        }
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        next::subscribe()
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
