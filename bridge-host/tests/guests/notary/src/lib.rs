//! A message handler that reads settings and writes logs through interfaces that
//! other hosts have too, for tests.

wit_bindgen::generate!({
    path: ["wit/config.wit", "wit/logging.wit", "../../../../wit/deps/messaging"],
    inline: "
        package test:notary;
        world notary {
            import wasi:config/store@0.2.0-draft;
            import wasi:logging/logging@0.1.0-draft;
            export wasi:messaging/incoming-handler@0.2.0-draft;
        }
    ",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use wasi::config::store;
use wasi::logging::logging::{Level, log};

struct Notary;

impl Guest for Notary {
    /// Logs the message, and fails with the value of a setting and the number of
    /// settings.
    fn handle(ms: Message) -> Result<(), Error> {
        let text = String::from_utf8_lossy(&ms.data()).into_owned();
        log(Level::Warn, &ms.topic(), &text);
        let seal = store::get("seal").expect("settings").unwrap_or_default();
        let all = store::get_all().expect("settings").len();
        Err(Error::Other(format!("{seal} {all}")))
    }

    fn subscribe() -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

export!(Notary);
