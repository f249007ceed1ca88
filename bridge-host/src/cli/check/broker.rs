//! What connections come to, and what each promises to subscriptions, as plain
//! data. Each kind of broker describes its own settings.

use serde::Serialize;
use serde_json::{Map, Value};

use super::lines::Lines;
use crate::broker::Description;
use crate::config::{Connection, Subscription};

/// A connection.
#[derive(Serialize)]
pub(super) struct Broker {
    pub(super) name: String,
    r#type: &'static str,
    delivers: &'static str,
    /// A message can be sent as a request, and one that is a request replied to.
    requests: bool,
    #[serde(flatten)]
    settings: Described,
}

/// A description of effective settings.
#[derive(Serialize)]
pub(super) struct Described {
    #[serde(flatten)]
    json: Map<String, Value>,
    #[serde(skip)]
    lines: Vec<(&'static str, String)>,
}

impl Described {
    /// Returns whether a line describes this key, or the table that contains it.
    pub(super) fn tells(&self, key: &str) -> bool {
        let (table, _) = key.split_once('.').unwrap_or((key, ""));
        self.lines.iter().any(|(title, _)| *title == table)
    }

    /// The same, for people.
    pub(super) fn show(&self, lines: &mut Lines) {
        for (title, text) in &self.lines {
            lines.line(title, text);
        }
    }
}

impl From<Description> for Described {
    fn from(described: Description) -> Self {
        let Description { json, lines } = described;
        Self { json, lines }
    }
}

impl Broker {
    /// Describes the effective settings of a connection.
    pub(super) fn of(name: &str, connection: &Connection) -> Self {
        Self {
            name: name.into(),
            r#type: connection.kind(),
            delivers: delivers(connection),
            requests: connection.capabilities().requests,
            settings: connection.settings().describe().into(),
        }
    }

    /// The same, for people.
    pub(super) fn show(&self, lines: &mut Lines) {
        self.settings.show(lines);
        lines.line("delivers", self.delivers);
        if self.requests {
            lines.line("requests", "can be sent, and replied to");
        }
    }
}

/// What is promised of each message.
pub(super) fn delivers(connection: &Connection) -> &'static str {
    match connection.capabilities().at_least_once {
        true => "at least once",
        false => "at most once: what is under way, or waits for a retry, is lost with the process",
    }
}

/// Describes the options of a subscription, as its broker uses them.
pub(super) fn at_broker(subscription: &Subscription, connection: &Connection) -> Described {
    let candidate = subscription.candidate();
    connection.settings().describe_options(&candidate).into()
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
