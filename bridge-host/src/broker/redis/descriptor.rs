//! Redis Streams in a config: the descriptor, the effective settings of a connection, and the
//! checks of its subscriptions. The keys are declared in `settings`.

use std::sync::Arc;

use async_trait::async_trait;

use super::settings::Settings;
use super::{CAPABILITIES, Streams, url};
use crate::broker::{
    Broker, BrokerSettings, Description, Descriptor, Incompatibility, OpenContext, OpenError,
    PlannedSubscription, Start,
};
use crate::schema::{Group, show_duration};

/// Redis Streams.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "redis",
    title: "Redis",
    capabilities: CAPABILITIES,
    table: Settings::TABLE,
    read: |section| Some(Box::new(Settings::read(section)?)),
    options: &[],
};

const CONFIRMS: &str = "a message once Redis has it in memory; redis.conf determines whether the message survives: with appendfsync everysec a power cut \
can lose the last second, and without `appendonly yes` everything since the last snapshot. The log says at startup what the server has";

const GROWS: &str = "the stream also keeps delivered messages, and grows in the memory of Redis: max_length or max_age limits it, but also \
removes messages that were not delivered yet";

#[async_trait]
impl BrokerSettings for Settings {
    async fn open(&self, opening: OpenContext<'_>) -> Result<Arc<dyn Broker>, OpenError> {
        let opened = Streams::open(opening.name, self).await;
        Ok(Arc::new(opened.map_err(OpenError::new)?))
    }

    fn describe(&self) -> Description {
        let mut described = Description::default();
        let address = url::shown(&self.url);
        let age = self.max_age.map(show_duration);
        let (lease, window) = (self.ack_wait, self.deduplication_window);
        let (lease, window) = (show_duration(lease), show_duration(window));
        let wait = show_duration(self.max_reconnect_wait);
        described.line("type", format!("{}, at {address}", DESCRIPTOR.name));
        if let Some(user) = &self.user {
            described.line("shows", format!("the user {user}"));
        }
        let kept = match (self.max_length, &age) {
            (None, None) => "without a limit".into(),
            (Some(length), None) => format!("up to about {length} entries"),
            (None, Some(age)) => format!("for {age}"),
            (Some(length), Some(age)) => format!("for {age}, up to about {length} entries"),
        };
        described.line("stream", format!("{}, {kept}", self.stream));
        described.line("leases", format!("{lease}, extended by attempts in flight"));
        described.line("duplicates", format!("known for {window}"));
        described.line("confirms", CONFIRMS);
        if self.max_length.is_none() && self.max_age.is_none() {
            described.line("note", GROWS);
        }
        described.line(
            "reconnects",
            format!("within {wait}, for as long as it takes"),
        );
        described.key("url", address);
        described.key("user", &self.user);
        described.key("stream", &self.stream);
        described.key("max_length", self.max_length);
        described.key("max_age", age);
        described.key("ack_wait", lease);
        described.key("deduplication_window", window);
        described.key("max_reconnect_wait", wait);
        described
    }

    fn incompatibilities(&self, subscription: &PlannedSubscription<'_>) -> Vec<Incompatibility> {
        let unknown = subscription.start == Some(Start::LastPerTopic);
        let misfit = Incompatibility {
            key: "start",
            what: "`start` cannot be `last_per_topic` on redis, which does not keep the last message of each topic".into(),
            help: "set it to \"all\", \"new\" or \"last\"",
        };
        unknown.then_some(misfit).into_iter().collect()
    }

    fn loses_letters(&self, _topic: &str) -> Option<Incompatibility> {
        let trimmed = self.max_length.is_some() || self.max_age.is_some();
        trimmed.then(|| Incompatibility {
            key: "dead_letters",
            what: "its connection has `max_length` or `max_age`, which would remove dead letters"
                .into(),
            help: "name a connection without them, such as one to the same server with another `stream`",
        })
    }

    fn places(&self) -> Vec<String> {
        vec![format!("{} {}", self.url.expose(), self.stream)]
    }
}
