//! What connections come to, and what each promises to subscriptions, as plain
//! data.

use serde::Serialize;

use crate::broker::nats::{self, Auth, JetStreamSettings, Storage};
use crate::config::{Connection, Subscription, show_duration, show_size};
use crate::store;

/// A connection.
#[derive(Serialize)]
pub(super) struct Broker {
    pub(super) name: String,
    pub(super) r#type: &'static str,
    pub(super) delivers: &'static str,
    /// A message can be sent as a request, and one that is a request replied to.
    pub(super) requests: bool,
    #[serde(flatten)]
    pub(super) kind: Kind,
}

/// What belongs to one type of connection.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Kind {
    Embedded(Embedded),
    Nats(Nats),
    JetStream {
        #[serde(flatten)]
        connection: Nats,
        stream: Stream,
    },
}

/// An embedded broker.
#[derive(Serialize)]
pub(super) struct Embedded {
    pub(super) path: String,
    pub(super) max_age: String,
    pub(super) max_size: String,
    /// Dead letters go by themselves beyond these.
    pub(super) dead_letters: Letters,
    pub(super) deduplication_window: String,
    pub(super) max_message_size: String,
}

/// When dead letters go by themselves; `None`: never.
#[derive(Serialize)]
pub(super) struct Letters {
    pub(super) max_age: Option<String>,
    pub(super) max_size: Option<String>,
}

/// A connection to NATS.
#[derive(Serialize)]
pub(super) struct Nats {
    pub(super) url: Vec<String>,
    /// By what the host shows who it is.
    pub(super) auth: Option<&'static str>,
    pub(super) tls: &'static str,
    pub(super) max_reconnect_wait: String,
}

/// A stream.
#[derive(Serialize)]
pub(super) struct Stream {
    /// `None`: the one that has the topics.
    pub(super) name: Option<String>,
    /// `None`: the topics of the subscriptions.
    pub(super) subjects: Option<Vec<String>>,
    pub(super) create: bool,
    pub(super) replicas: usize,
    pub(super) max_age: Option<String>,
    pub(super) max_bytes: Option<String>,
    pub(super) storage: &'static str,
    pub(super) deduplication_window: String,
}

/// How a subscription takes messages from a stream.
#[derive(Serialize)]
pub(super) struct Consumer {
    pub(super) durable: String,
    pub(super) create: bool,
    pub(super) ack_wait: String,
    pub(super) max_ack_pending: u32,
}

pub(super) fn broker(name: &str, connection: &Connection) -> Broker {
    Broker {
        name: name.into(),
        r#type: connection.kind(),
        delivers: delivers(connection),
        requests: connection.capabilities().requests,
        kind: match connection {
            Connection::Embedded(settings) => Kind::Embedded(embedded(settings)),
            Connection::Nats(settings) => Kind::Nats(nats(settings)),
            Connection::JetStream(settings) => Kind::JetStream {
                connection: nats(&settings.connection),
                stream: stream(settings),
            },
        },
    }
}

/// What is promised of each message.
pub(super) fn delivers(connection: &Connection) -> &'static str {
    match connection.capabilities().at_least_once {
        true => "at least once",
        false => "at most once: what is under way, or waits for a retry, is lost with the process",
    }
}

/// What the policy asks for and the broker cannot do.
pub(super) fn warnings(subscription: &Subscription, connection: &Connection) -> Vec<&'static str> {
    let can = connection.capabilities();
    let mut warnings = Vec::new();
    if subscription.policy.ordered() && !can.ordered {
        warnings.push("max_in_flight = 1 keeps the order on one host alone: this broker keeps none between hosts");
    }
    if subscription.policy.order.is_some() && can.shared {
        warnings.push("order_key holds on each host alone: those that share this subscription may overtake each other");
    }
    if subscription.policy.blocks() && can.shared {
        warnings.push("on_dead_letter = \"block\" is of each host's own dead letters: one that shares this subscription goes on with the key");
    }
    if !can.delayed_retry {
        warnings.push("retries wait in this process, and are lost with it");
    }
    warnings
}

fn embedded(settings: &store::Settings) -> Embedded {
    let letters = &settings.retention.dead_letters;
    Embedded {
        path: settings.path.display().to_string(),
        max_age: show_duration(settings.retention.max_age),
        max_size: show_size(settings.retention.max_size),
        dead_letters: Letters {
            max_age: letters.max_age.map(show_duration),
            max_size: letters.max_size.map(show_size),
        },
        deduplication_window: show_duration(settings.deduplication_window),
        max_message_size: show_size(settings.max_message_size),
    }
}

fn nats(settings: &nats::Settings) -> Nats {
    Nats {
        url: settings.urls.clone(),
        auth: match settings.auth {
            Auth::None => None,
            Auth::Token(_) => Some("token"),
            Auth::User(..) => Some("user and password"),
            Auth::Nkey(_) => Some("nkey"),
            Auth::Credentials(_) => Some("credentials"),
        },
        tls: match settings.tls.required {
            true => "required",
            false => "as the server asks",
        },
        max_reconnect_wait: show_duration(settings.max_reconnect_wait),
    }
}

fn stream(settings: &JetStreamSettings) -> Stream {
    let stream = &settings.stream;
    Stream {
        name: stream.name.clone(),
        subjects: stream.subjects.clone(),
        create: stream.create,
        replicas: stream.replicas,
        max_age: stream.max_age.map(show_duration),
        max_bytes: stream.max_bytes.map(show_size),
        storage: match stream.storage {
            Storage::File => "file",
            Storage::Memory => "memory",
        },
        deduplication_window: show_duration(stream.deduplication_window),
    }
}

pub(super) fn consumer(subscription: &Subscription, connection: &Connection) -> Option<Consumer> {
    let Connection::JetStream(settings) = connection else {
        return None;
    };
    let consumer = settings.consumers.get(&subscription.name)?;
    let named = || nats::legal_name(&subscription.name);
    Some(Consumer {
        durable: consumer.durable.clone().unwrap_or_else(named),
        create: consumer.create,
        ack_wait: show_duration(consumer.ack_wait),
        max_ack_pending: match subscription.policy.ordered() {
            true => 1,
            false => consumer.max_ack_pending,
        },
    })
}
