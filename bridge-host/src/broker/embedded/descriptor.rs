//! The embedded broker in a config: its descriptor, and its effective settings.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use super::{CAPABILITIES, Embedded};
use crate::broker::{
    Broker, BrokerSettings, Connection, Description, Descriptor, OpenContext, OpenError,
    SubscriptionOption, option,
};
use crate::schema::{Group, Section, show_duration, show_size, size};
use crate::store::Settings;

/// The name of the connection that always exists: the local store.
pub const LOCAL: &str = "embedded";

const QUOTA: &str = "quota";

/// The descriptor of the embedded broker.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "embedded",
    title: "the embedded broker",
    capabilities: CAPABILITIES,
    table: Settings::TABLE,
    read: |section| Some(Box::new(read(section)?)),
    options: &[SubscriptionOption {
        setting: size().optional("none").named(
            QUOTA,
            "How much space the subscription's pending messages and dead letters may take in the embedded broker, \
             see [quotas](#quotas): `\"1GiB\"`.",
        ),
        read: |section| option::<u64>(section, QUOTA),
        elsewhere: "leave it out: other brokers have their own limits",
    }],
};

/// Returns a connection to an embedded broker with these settings.
pub fn connection(settings: Settings) -> Connection {
    Connection::new(&DESCRIPTOR, Box::new(settings))
}

fn read(section: &mut Section<'_>) -> Option<Settings> {
    if section.name != format!("[connections.{LOCAL}]") && section.peek("path").is_none() {
        section.missing("path", "an embedded broker needs a folder: path = \"…\"");
    }
    Settings::read(section)
}

#[async_trait]
impl BrokerSettings for Settings {
    async fn open(&self, opening: OpenContext<'_>) -> Result<Arc<dyn Broker>, OpenError> {
        let mut settings = self.clone();
        for (name, options) in opening.subscriptions {
            let quota = options.get(QUOTA);
            settings
                .quotas
                .extend(quota.map(|quota| (name.clone(), *quota)));
        }
        let embedded = Embedded::open(settings).map_err(OpenError::new)?;
        Ok(Arc::new(embedded))
    }

    fn describe(&self) -> Description {
        let mut described = Description::default();
        let path = self.path.display().to_string();
        let (age, size) = (&self.retention.max_age, self.retention.max_size);
        let (age, size) = (show_duration(*age), show_size(size));
        let window = show_duration(self.deduplication_window);
        let largest = show_size(self.max_message_size);
        described.line("type", format!("{}, in {path}", DESCRIPTOR.name));
        described.line(
            "keeps",
            format!("settled ones for {age}, at most {size} of all"),
        );
        let letters = &self.retention.dead_letters;
        let letters = (
            letters.max_age.map(show_duration),
            letters.max_size.map(show_size),
        );
        let limits = match &letters {
            (None, None) => None,
            (Some(age), None) => Some(format!("for {age}")),
            (None, Some(size)) => Some(format!("at most {size} of all")),
            (Some(age), Some(size)) => Some(format!("for {age}, at most {size} of all")),
        };
        if let Some(limits) = limits {
            described.line("dead letters", format!("are kept {limits}"));
        }
        described.line("duplicates", format!("known for {window}"));
        described.line("a message", format!("{largest} at most"));
        described.key("path", path);
        described.key("max_age", age);
        described.key("max_size", size);
        let (age, size) = letters;
        described.key("dead_letters", json!({ "max_age": age, "max_size": size }));
        described.key("deduplication_window", window);
        described.key("max_message_size", largest);
        described
    }

    fn store(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn max_message_size(&self) -> Option<u64> {
        Some(self.max_message_size)
    }
}
