//! What a user sets of a NATS connection, and of JetStream on it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// How long JetStream waits for an acknowledgement, unless told otherwise.
pub(super) const ACK_WAIT: Duration = Duration::from_secs(30);

/// A connection to NATS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the servers are, `nats://` or `tls://`; any of one cluster.
    pub urls: Vec<String>,
    /// How this host shows who it is.
    pub auth: Auth,
    /// TLS, beyond what `tls://` asks for.
    pub tls: Tls,
    /// No wait between two attempts to connect is longer.
    pub max_reconnect_wait: Duration,
}

/// How a client shows who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// By a token.
    Token(Secret),
    /// By user and password.
    User(String, Secret),
    /// By signing with this seed.
    Nkey(Secret),
    /// By the contents of a credentials file.
    Credentials(Secret),
}

/// TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// This client's certificate, and its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Whether a server without TLS is refused.
    pub required: bool,
}

/// JetStream on a NATS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JetStreamSettings {
    /// The connection.
    pub connection: Settings,
    /// The JetStream domain, where it is not the server's own.
    pub domain: Option<String>,
    /// Where messages are kept.
    pub stream: Stream,
    /// How each subscription takes them, by its name; those that are not here
    /// do as [`Consumer::default`] says.
    pub consumers: BTreeMap<String, Consumer>,
}

/// A stream, created where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// `None`: the stream that has a subscription's topics already, or else
    /// one named after the connection.
    pub name: Option<String>,
    /// What it takes; `None`: the topics of the subscriptions.
    pub subjects: Option<Vec<String>>,
    /// Whether it may be created, and subjects may be added.
    pub create: bool,
    /// On how many servers messages are kept.
    pub replicas: usize,
    /// Older messages are removed; `None` keeps them.
    pub max_age: Option<Duration>,
    /// With more the oldest are removed; `None` has no limit.
    pub max_bytes: Option<u64>,
    /// Where they are kept.
    pub storage: Storage,
    /// An id seen again within this time is a duplicate.
    pub deduplication_window: Duration,
}

/// Where a stream keeps messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// On disk.
    File,
    /// In memory: gone with the server.
    Memory,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            name: None,
            subjects: None,
            create: true,
            replicas: 1,
            max_age: None,
            max_bytes: None,
            storage: Storage::File,
            deduplication_window: Duration::from_secs(120),
        }
    }
}

/// How a subscription takes messages from a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// The name of the durable consumer; `None`: the subscription's.
    pub durable: Option<String>,
    /// Whether it may be created and changed; else it is taken as it is.
    pub create: bool,
    /// A message neither settled nor extended for so long is delivered again.
    pub ack_wait: Duration,
    /// So many messages may be under way, on all hosts together.
    pub max_ack_pending: u32,
}

impl Default for Consumer {
    fn default() -> Self {
        Self {
            durable: None,
            create: true,
            ack_wait: ACK_WAIT,
            max_ack_pending: 1000,
        }
    }
}
