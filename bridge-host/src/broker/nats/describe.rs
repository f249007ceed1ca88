//! Describes the effective settings of NATS connections, for `check`. Their keys are
//! declared in `settings`.

use serde::Serialize;
use serde_json::json;

use super::settings::{Auth, Consumer, JetStreamSettings, Settings, Storage, Stream};
use super::subject::legal_name;
use crate::broker::{Description, PlannedSubscription};
use crate::schema::{show_duration, show_size};

/// The note on a stream without limits.
const GROWS: &str = "a stream that is created with these settings also keeps delivered messages, and grows until its disk is full: \
stream.max_age or stream.max_bytes limits it, but also removes messages that were not delivered yet";

/// A connection to core NATS.
pub(super) fn core(settings: &Settings) -> Description {
    let mut described = Description::default();
    connection(&mut described, "nats", settings);
    described
}

/// A connection to JetStream.
pub(super) fn jetstream(settings: &JetStreamSettings) -> Description {
    let mut described = Description::default();
    connection(&mut described, "jetstream", &settings.connection);
    let (stream, shown) = (&settings.stream, Shown::of(&settings.stream));
    described.line("stream", shown.line());
    described.line(
        "duplicates",
        format!("known for {}", shown.deduplication_window),
    );
    described.line("confirms", confirms(stream.storage));
    if stream.create && stream.max_age.is_none() && stream.max_bytes.is_none() {
        described.line("note", GROWS);
    }
    described.key("stream", shown);
    described
}

/// How a subscription takes messages from a stream.
pub(super) fn consumer(
    described: &mut Description,
    consumer: &Consumer,
    subscription: &PlannedSubscription<'_>,
) {
    let named = || legal_name(subscription.name);
    let durable = consumer.durable.clone().unwrap_or_else(named);
    let ack_wait = show_duration(consumer.ack_wait);
    let most = match subscription.ordered {
        true => 1,
        false => consumer.max_ack_pending,
    };
    let line = match consumer.create {
        true => format!(
            "{durable}; waits {ack_wait} for an acknowledgement, {} in flight on all hosts",
            counted(most as usize, "message")
        ),
        false => format!("{durable}; never created or changed"),
    };
    described.line("consumer", line);
    let json = json!({
        "durable": durable,
        "create": consumer.create,
        "ack_wait": ack_wait,
        "max_ack_pending": most,
    });
    described.key("server_consumer", json);
}

fn connection(described: &mut Description, kind: &str, settings: &Settings) {
    let auth = match settings.auth {
        Auth::None => None,
        Auth::Token(_) => Some("token"),
        Auth::User(..) => Some("user and password"),
        Auth::Nkey(_) => Some("nkey"),
        Auth::Credentials(_) => Some("credentials"),
    };
    let tls = match settings.tls.required {
        true => "required",
        false => "as the server asks",
    };
    let wait = show_duration(settings.max_reconnect_wait);
    described.line("type", format!("{kind}, at {}", settings.urls.join(", ")));
    described.line("shows", format!("{}; TLS {tls}", auth.unwrap_or("nothing")));
    described.line(
        "reconnects",
        format!("within {wait}, for as long as it takes"),
    );
    described.key("url", &settings.urls);
    described.key("auth", auth);
    described.key("tls", tls);
    described.key("max_reconnect_wait", wait);
}

/// What the confirmation of a publication guarantees.
fn confirms(storage: Storage) -> &'static str {
    match storage {
        Storage::Memory => {
            "a message once the server has it in memory: it is lost when the server stops"
        }
        Storage::File => {
            "a message once the server has it, by default before it is on disk: a power cut can lose it, unless nats-server has \
             `sync_interval: always`"
        }
    }
}

/// Returns a number with its noun, in the plural unless the number is 1.
fn counted(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// The settings of a stream, for display.
#[derive(Serialize)]
struct Shown {
    /// `None` stands for the stream that has the topics.
    name: Option<String>,
    /// `None` stands for the topics of the subscriptions.
    subjects: Option<Vec<String>>,
    create: bool,
    replicas: usize,
    max_age: Option<String>,
    max_bytes: Option<String>,
    storage: &'static str,
    deduplication_window: String,
}

impl Shown {
    fn of(stream: &Stream) -> Self {
        Self {
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

    fn line(&self) -> String {
        let name = self.name.as_deref();
        let name = name.unwrap_or("the one that has the topics");
        if !self.create {
            return format!("{name}; never created or changed");
        }
        let subjects = self.subjects.as_ref().map(|subjects| subjects.join(", "));
        let kept = match (&self.max_age, &self.max_bytes) {
            (None, None) => "without a limit".into(),
            (Some(age), None) => format!("for {age}"),
            (None, Some(bytes)) => format!("up to {bytes}"),
            (Some(age), Some(bytes)) => format!("for {age}, up to {bytes}"),
        };
        format!(
            "{name}; created if it is missing, for {}: in {} storage, {}, {kept}",
            subjects.as_deref().unwrap_or("the subscriptions' topics"),
            self.storage,
            counted(self.replicas, "replica"),
        )
    }
}
