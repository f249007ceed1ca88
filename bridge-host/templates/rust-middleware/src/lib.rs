//! A middleware: messages of fewer bytes than the setting `minimum` go no
//! further. All others are marked and passed on.

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
            // Ok without calling on: the message is dropped, and done with.
            return Ok(());
        }
        ms.add_metadata("seen-by", "project-name");
        next::handle(ms)
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        next::subscribe()
    }
}

/// The setting. While it is wrong, messages become dead letters, which can be
/// replayed once it is mended.
fn minimum() -> Result<usize, Error> {
    let text = store::get("minimum").map_err(|error| Error::Other(format!("{error:?}")))?;
    let wrong = |_| Error::Other("the setting `minimum` is no whole number".into());
    text.map_or(Ok(0), |text| text.trim().parse().map_err(wrong))
}

export!(Middleware);
