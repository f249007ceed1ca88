//! A middleware: it drops messages with fewer bytes than the setting `minimum`, and marks
//! and forwards all others.

wit_bindgen::generate!({
    path: "wit",
    world: "middleware",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use wasi::config::store;
use wasi::messaging::incoming_handler as next;

struct Middleware;

impl Guest for Middleware {
    fn handle(ms: Message) -> Result<(), Error> {
        if ms.data().len() < minimum()? {
            // Returning Ok without a call to the next component drops the message.
            return Ok(());
        }
        ms.add_metadata("seen-by", "project-name");
        next::handle(ms)
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        next::subscribe()
    }
}

/// Returns the setting. While it is invalid, messages become dead letters, which you can
/// replay once it is fixed.
fn minimum() -> Result<usize, Error> {
    let text = store::get("minimum").map_err(|error| Error::Other(format!("{error:?}")))?;
    let wrong = |_| Error::Other("the setting `minimum` is not a whole number".into());
    text.map_or(Ok(0), |text| text.trim().parse().map_err(wrong))
}

export!(Middleware);
