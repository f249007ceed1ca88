//! What connections come to, for people.

use super::broker::{Broker, Consumer, Embedded, Kind, Nats, Stream};
use super::lines::Lines;

pub(super) fn broker(lines: &mut Lines, broker: &Broker) {
    match &broker.kind {
        Kind::Embedded(it) => embedded(lines, broker.r#type, it),
        Kind::Nats(it) => nats(lines, broker.r#type, it),
        Kind::JetStream { connection, stream } => {
            nats(lines, broker.r#type, connection);
            lines.line("stream", &self::stream(stream));
            let window = &stream.deduplication_window;
            lines.line("duplicates", &format!("known for {window}"));
            lines.line("confirms", confirms(stream));
            if stream.create && stream.max_age.is_none() && stream.max_bytes.is_none() {
                lines.line("note", GROWS);
            }
        }
    }
    lines.line("delivers", broker.delivers);
    if broker.requests {
        lines.line("requests", "can be sent, and replied to");
    }
}

fn embedded(lines: &mut Lines, kind: &str, broker: &Embedded) {
    lines.line("type", &format!("{kind}, in {}", broker.path));
    let kept = format!(
        "settled ones for {}, at most {} of all",
        broker.max_age, broker.max_size
    );
    lines.line("keeps", &kept);
    let letters = &broker.dead_letters;
    let limits = match (&letters.max_age, &letters.max_size) {
        (None, None) => None,
        (Some(age), None) => Some(format!("for {age}")),
        (None, Some(size)) => Some(format!("at most {size} of all")),
        (Some(age), Some(size)) => Some(format!("for {age}, at most {size} of all")),
    };
    if let Some(limits) = limits {
        lines.line("dead letters", &format!("are kept {limits}"));
    }
    lines.line(
        "duplicates",
        &format!("known for {}", broker.deduplication_window),
    );
    lines.line("a message", &format!("{} at most", broker.max_message_size));
}

fn nats(lines: &mut Lines, kind: &str, nats: &Nats) {
    lines.line("type", &format!("{kind}, at {}", nats.url.join(", ")));
    let auth = nats.auth.map_or("nothing", |auth| auth);
    lines.line("shows", &format!("{auth}; TLS {}", nats.tls));
    let wait = &nats.max_reconnect_wait;
    lines.line(
        "reconnects",
        &format!("within {wait}, for as long as it takes"),
    );
}

/// What a stream without limits comes to.
const GROWS: &str = "a stream that is created with these settings also keeps delivered messages, and grows until its disk is full: \
stream.max_age or stream.max_bytes limits it, but also removes messages that were not delivered yet";

/// What it is worth that a message was taken.
fn confirms(stream: &Stream) -> &'static str {
    match stream.storage {
        "memory" => "a message once the server has it in memory: it is lost when the server stops",
        _ => {
            "a message once the server has it, by default before it is on disk: a power cut can lose it, unless nats-server has \
             `sync_interval: always`"
        }
    }
}

fn stream(stream: &Stream) -> String {
    let name = stream.name.as_deref();
    let name = name.unwrap_or("the one that has the topics");
    if !stream.create {
        return format!("{name}; never created or changed");
    }
    let subjects = stream.subjects.as_ref().map(|subjects| subjects.join(", "));
    let kept = match (&stream.max_age, &stream.max_bytes) {
        (None, None) => "without a limit".into(),
        (Some(age), None) => format!("for {age}"),
        (None, Some(bytes)) => format!("up to {bytes}"),
        (Some(age), Some(bytes)) => format!("for {age}, up to {bytes}"),
    };
    format!(
        "{name}; where there is none, it is created for {}: in {}, {} times, {kept}",
        subjects.as_deref().unwrap_or("the subscriptions' topics"),
        stream.storage,
        stream.replicas,
    )
}

pub(super) fn consumer(consumer: &Consumer) -> String {
    let Consumer {
        durable,
        create,
        ack_wait,
        max_ack_pending,
    } = consumer;
    match create {
        true => format!(
            "{durable}; waits {ack_wait} for an acknowledgement, {max_ack_pending} messages under way on all hosts"
        ),
        false => format!("{durable}; never created or changed"),
    }
}
