//! A component of the newest draft of wasi:messaging that follows instructions,
//! for tests. The text after the last dot of the topic says what it does; the
//! metadata names the connection and the topic.

wit_bindgen::generate!({
    path: ["../../../../wit/deps/config", "../../../../wit/draft"],
    world: "bridge:draft/desk",
    generate_all,
});

use exports::wasi::messaging::incoming_handler::{Error, Guest, Message};
use wasi::messaging::request_reply::{RequestOptions, reply, request};
use wasi::messaging::{producer, types::Client};

struct Desk;

impl Guest for Desk {
    fn handle(message: Message) -> Result<(), Error> {
        let topic = message.topic().unwrap_or_default();
        match topic.rsplit('.').next().unwrap_or_default() {
            "reply" => answer(&message),
            "ask" => ask(&message),
            "send" => send(&message),
            "timeout" => Err(Error::Timeout),
            "denied" => Err(Error::PermissionDenied("the desk is closed".into())),
            "other" => Err(Error::Other("the desk was told to".into())),
            "trap" => panic!("the desk was told to"),
            verb => Err(Error::Other(format!("the desk cannot {verb:?}"))),
        }
    }
}

/// Returns the value of a metadata key.
fn entry(message: &Message, key: &str) -> Option<String> {
    let metadata = message.metadata().unwrap_or_default();
    let mut metadata = metadata.into_iter();
    metadata
        .find(|(name, _)| name == key)
        .map(|(_, value)| value)
}

fn wanted(message: &Message, key: &str) -> Result<String, Error> {
    let missing = || Error::Other(format!("the desk wants `{key}` in the metadata"));
    entry(message, key).ok_or_else(missing)
}

fn copy(message: &Message) -> Message {
    let copy = Message::new(&message.data());
    if let Some(content_type) = message.content_type() {
        copy.set_content_type(&content_type);
    }
    copy.set_metadata(&[("x-from".into(), "desk".into())]);
    copy
}

/// Replies twice, which is allowed.
fn answer(message: &Message) -> Result<(), Error> {
    reply(message, copy(message))?;
    let second = copy(message);
    second.set_data(b"second");
    reply(message, second)
}

/// Sends a request, and sends each response to the topic `to`.
fn ask(message: &Message) -> Result<(), Error> {
    let client = Client::connect(&wanted(message, "client")?)?;
    let number = |key: &str| entry(message, key).and_then(|text| text.parse().ok());
    let options = RequestOptions::new();
    if let Some(ms) = number("timeout-ms") {
        options.set_timeout_ms(ms);
    }
    if let Some(replies) = number("replies") {
        options.set_expected_replies(replies);
    }
    let question = copy(message);
    let replies = request(
        &client,
        &wanted(message, "topic")?,
        &question,
        Some(options),
    )?;
    let to = wanted(message, "to")?;
    for reply in replies {
        producer::send(&client, &to, reply)?;
    }
    client.disconnect()?;
    match producer::send(&client, &to, question) {
        Err(Error::Connection(_)) => Ok(()),
        sent => Err(Error::Other(format!("after disconnecting: {sent:?}"))),
    }
}

/// Sends a message that was created without a topic.
fn send(message: &Message) -> Result<(), Error> {
    let client = Client::connect(&wanted(message, "client")?)?;
    let made = copy(message);
    if let Some(topic) = made.topic() {
        return Err(Error::Other(format!(
            "a new message has the topic {topic:?}"
        )));
    }
    producer::send(&client, &wanted(message, "topic")?, made)
}

export!(Desk);
