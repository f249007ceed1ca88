//! Publishes a copy of each message to every connection in the setting `announce_to`. The
//! composition decides what these connections are.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "bridge:worlds/publisher",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use wasi::config::store;
use wasi::messaging::producer;
use wasi::messaging::types::Client;

struct Announce;

impl Guest for Announce {
    fn handle(ms: Message) -> Result<(), Error> {
        let names = store::get("announce_to").ok().flatten();
        let names =
            names.ok_or_else(|| Error::Other("the setting `announce_to` is missing".into()))?;
        for name in names.split(',').map(str::trim) {
            producer::send(Client::connect(name)?, copy(&ms))?;
        }
        Ok(())
    }

    /// Returns no topics: the config has them.
    fn subscribe() -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

fn copy(ms: &Message) -> Message {
    let copy = Message::new(&ms.topic(), &ms.data());
    if let Some(content_type) = ms.content_type() {
        copy.set_content_type(&content_type);
    }
    for (key, value) in ms.metadata().unwrap_or_default() {
        copy.add_metadata(&key, &value);
    }
    copy
}

export!(Announce);
