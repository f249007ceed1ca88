//! A filter for the newest draft of wasi:messaging: it drops small messages and
//! forwards all others with changed metadata.

wit_bindgen::generate!({
    path: ["../../../../wit/deps/config", "../../../../wit/draft"],
    world: "bridge:draft/middleware",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use wasi::config::store;
use wasi::messaging::incoming_handler as next;

struct Filter;

impl Guest for Filter {
    fn handle(message: Message) -> Result<(), Error> {
        let least = store::get("least").ok().flatten();
        let least = least.and_then(|text| text.parse().ok()).unwrap_or(0);
        if message.data().len() < least {
            return Ok(());
        }
        message.add_metadata("x-seen-by", "draft");
        message.add_metadata("x-secret", "left behind");
        message.remove_metadata("x-secret");
        next::handle(message)
    }
}

export!(Filter);
