//! The settings of a NATS connection, of JetStream, and of a subscription to a stream.
//!
//! `auth` declares how the host authenticates.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use super::auth::Auth;
use super::subject::{check_name, check_subject};
use crate::message::TopicPattern;
use crate::schema::{
    self, Declaration, Rejection, Shape, Words, choice, duration, flag, integer, list, one_or_more,
    path_to, pem, size, table, text,
};
use crate::settings;

/// The default of `ack_wait`.
pub(super) const ACK_WAIT: Duration = Duration::from_secs(30);

const URL_HELP: &str =
    "url = \"nats://host:4222\", or a list of the servers of one cluster; tls:// asks for TLS";

const URL: Declaration<String> = text(&Shape {
    name: "URL of a NATS server",
    pattern: Some("^(nats|tls)://"),
    check: check_url,
    help: URL_HELP,
});

const NAME: Declaration<String> = text(&Shape {
    name: "name",
    pattern: None,
    check: |name| Ok(check_name(name)?),
    help: "letters, digits, `-` and `_` are always good",
});

const SUBJECTS_HELP: &str = "a list of topics: subjects = [\"orders.>\"]";

const SUBJECT: Declaration<String> = text(&Shape {
    name: "topic pattern",
    pattern: None,
    check: check_pattern,
    help: SUBJECTS_HELP,
});

settings! {
    /// A connection to NATS.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settings {
        /// `"nats://host:4222"`, or `"tls://…"`; a list for the servers of one cluster. Set the
        /// user and the password with their own keys, not in the URL.
        "url" urls: Vec<String> = one_or_more(&URL, URL_HELP).required(URL_HELP);
        /// How this host authenticates.
        auth: Auth;
        /// TLS settings beyond `tls://`.
        tls: Tls = table().default("{}");
        /// The longest wait between two attempts to connect. The first wait is 50 ms, and each
        /// further one doubles.
        max_reconnect_wait: Duration = duration().default("\"10s\"");
    }
}

settings! {
    /// TLS.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Tls {
        /// Certificate authorities to trust instead of the system's.
        ca_file: Option<PathBuf> = path_to(&pem::FILE).optional("the system's certificates");
        /// This host's certificate and key.
        client: pem::Client;
        /// Whether to refuse a server without TLS. With `tls://`, or if the server requires it, TLS
        /// is always used.
        required: bool = flag().default("false");
    }
}

settings! {
    /// JetStream on a NATS connection.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct JetStreamSettings {
        /// The connection.
        connection: Settings;
        /// The JetStream domain, for leaf nodes.
        domain: Option<String> = NAME.optional("the server's");
        /// The stream that keeps the messages.
        stream: Stream = table().default("{}");
        /// How each subscription receives messages, by its name. Other subscriptions use
        /// [`Consumer::default`].
        consumers: BTreeMap<String, Consumer> => BTreeMap::new();
    }
}

settings! {
    /// A stream, created if it does not exist. All keys but `name` and `create` take effect only
    /// when the stream is created.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Stream {
        /// The name of the stream.
        name: Option<String> = NAME.optional(
            "the stream that has a subscription's topics, or else one named after the connection",
        );
        /// The subjects of the stream. New subjects are added to an existing stream, too.
        subjects: Option<Vec<String>> = list(&SUBJECT, SUBJECTS_HELP).optional("the topics of the subscriptions");
        /// Whether the bridge creates the stream if it is missing, and adds subjects to it. With
        /// `false` it uses the stream as it is.
        create: bool = flag().default("true");
        /// On how many servers each message is kept.
        replicas: usize = integer().default("1").at_most(5, "NATS keeps a message on 5 servers at most");
        /// Older messages are removed, **pending ones too**.
        max_age: Option<Duration> = duration().optional("none: the stream [grows](../guides/running-on-nats.md#what-grows)");
        /// Beyond this size, the oldest messages are removed, **pending ones too**.
        max_bytes: Option<u64> = size().optional("no limit");
        /// `"file"`, or `"memory"`, which loses all messages when the server stops.
        storage: Storage = choice().default("\"file\"");
        /// A message with an id that was seen within this time is a duplicate.
        deduplication_window: Duration = duration().default("\"2m\"");
    }
}

/// Where a stream keeps messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// On disk.
    File,
    /// In memory, which loses all messages when the server stops.
    Memory,
}

impl Words for Storage {
    const WORDS: &'static [(&'static str, Self)] =
        &[("file", Self::File), ("memory", Self::Memory)];
}

settings! {
    /// How a subscription receives messages from a stream.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Consumer {
        /// The durable consumer, which all hosts share. This and all other `consumer` keys are for JetStream only.
        durable: Option<String> = NAME.optional(
            "the subscription's name, with `_` for `.` and other characters that NATS does not allow",
        );
        /// Whether the bridge creates the consumer if it is missing, and updates it to the config; with `false`
        /// it uses the consumer as it is.
        create: bool = flag().default("true");
        /// When a host was silent for this long, its messages are redelivered to another host; the host extends
        /// the leases of attempts in flight.
        ack_wait: Duration = duration().default("\"30s\"").least(
            Duration::from_secs(1),
            "with less, messages in flight are delivered to another host",
        );
        /// How many messages may be in flight or wait for a retry at the server, on all hosts
        /// together. At this limit the server delivers no more. When many messages wait for a
        /// retry, some wait on this host instead, see [retries and
        /// limits](../guides/retries-and-limits.md#messages-that-wait-for-a-retry). With
        /// `max_in_flight = 1` it is 1, which keeps the order between hosts.
        max_ack_pending: u32 = integer().default("1000");
    }
}

impl Default for Stream {
    fn default() -> Self {
        schema::defaults()
    }
}

impl Default for Consumer {
    fn default() -> Self {
        schema::defaults()
    }
}

fn check_url(url: &str) -> Result<(), Rejection> {
    let scheme = ["nats://", "tls://"];
    let rest = scheme.iter().find_map(|scheme| url.strip_prefix(scheme));
    let rest = rest.unwrap_or_default();
    if rest.contains('@') {
        return Err(Rejection::new(
            "the URL has a user or a password in it, which would be shown",
            "set `user` and `password`, or `token`: \"${NAME}\" keeps them out of the file",
        ));
    }
    let host = rest.strip_suffix('/').unwrap_or(rest);
    if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
        let what = format!("{} is not the URL of a NATS server", schema::quote(url));
        return Err(what.into());
    }
    Ok(())
}

fn check_pattern(pattern: &str) -> Result<(), Rejection> {
    let parsed = TopicPattern::parse(pattern).map_err(|error| error.to_string())?;
    check_subject(parsed.as_str()).map_err(|error| error.to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lease_that_a_broker_promises_is_the_default_of_ack_wait() {
        assert_eq!(Consumer::default().ack_wait, ACK_WAIT);
    }
}
