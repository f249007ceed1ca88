//! A component that follows instructions, for tests: the text after `probe.` in
//! the topic says what it does.

wit_bindgen::generate!({
    path: "../../../../wit",
    world: "bridge:worlds/publisher",
    generate_all,
});

use std::cell::Cell;
use std::hint::black_box;

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use wasi::config::store;
use wasi::messaging::producer;
use wasi::messaging::types::Client;

struct Probe;

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

impl Guest for Probe {
    fn handle(ms: Message) -> Result<(), Error> {
        let calls = CALLS.get() + 1;
        CALLS.set(calls);
        let topic = ms.topic();
        let text = String::from_utf8_lossy(&ms.data()).into_owned();
        match topic.strip_prefix("probe.").unwrap_or(&topic) {
            "ok" => Ok(()),
            "timeout" => Err(Error::Timeout),
            "connection" => Err(Error::Connection(text)),
            "other" => Err(Error::Other(text)),
            "trap" => panic!("{text}"),
            "loop" => spin(),
            "sleepless" => ask(&ms),
            "hoard" => hoard(),
            "echo" => echo(&ms),
            "send-many" => send_many(&ms, &text),
            "connect" => Client::connect(&text).map(drop),
            // How many calls this instance has had, including this one.
            "state" => Err(Error::Other(calls.to_string())),
            "settings" => Err(Error::Other(format!("{:?}", store::get(&text)))),
            "settings-all" => Err(Error::Other(format!("{:?}", store::get_all()))),
            verb => Err(Error::Other(format!("the probe cannot {verb:?}"))),
        }
    }

    /// Returns the topics in the setting `subscribe`, separated by commas.
    fn subscribe() -> Result<Vec<String>, Error> {
        match store::get("subscribe").ok().flatten().as_deref() {
            Some("error") => Err(Error::Other("the probe was told to fail".into())),
            Some("timeout") => Err(Error::Timeout),
            Some("trap") => panic!("the probe was told to trap"),
            None | Some("") => Ok(Vec::new()),
            Some(topics) => Ok(topics.split(',').map(str::to_owned).collect()),
        }
    }
}

fn spin() -> Result<(), Error> {
    loop {
        black_box(());
    }
}

/// Calls the host repeatedly.
fn ask(ms: &Message) -> Result<(), Error> {
    loop {
        black_box(ms.topic());
    }
}

/// Allocates memory, and writes to it, until none is left.
fn hoard() -> Result<(), Error> {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Returns the value of a metadata key.
fn entry(ms: &Message, key: &str) -> Result<String, Error> {
    let metadata = ms.metadata().unwrap_or_default();
    let found = metadata.into_iter().find(|(name, _)| name == key);
    found
        .map(|(_, value)| value)
        .ok_or_else(|| Error::Other(format!("the probe wants `{key}` in the metadata")))
}

/// Sends a copy to the topic `reply-topic` of the connection `connection`; the
/// metadata has both names. Sets every value twice, the first time to a wrong
/// value, so that tests see whether the later value counts.
fn echo(ms: &Message) -> Result<(), Error> {
    let client = Client::connect(&entry(ms, "connection")?)?;
    let copy = Message::new("probe.wrong", b"wrong");
    copy.set_topic(&entry(ms, "reply-topic")?);
    if let Some(content_type) = ms.content_type() {
        copy.set_content_type("probe/wrong");
        copy.set_content_type(&content_type);
    }
    copy.set_data(&ms.data());
    for (key, value) in ms.metadata().unwrap_or_default() {
        copy.add_metadata(&key, "wrong");
        copy.add_metadata(&key, &value);
    }
    producer::send(client, copy)
}

/// Sends as many messages as the data says, each with its number as data.
fn send_many(ms: &Message, text: &str) -> Result<(), Error> {
    let wrong = |_| Error::Other(format!("the probe wants a number, not {text:?}"));
    let count: u32 = text.trim().parse().map_err(wrong)?;
    for number in 0..count {
        let client = Client::connect(&entry(ms, "connection")?)?;
        let message = Message::new(&entry(ms, "reply-topic")?, number.to_string().as_bytes());
        producer::send(client, message)?;
    }
    Ok(())
}

export!(Probe);
