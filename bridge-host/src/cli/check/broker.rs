//! The effective settings of connections, and what each connection guarantees, as plain
//! data. Each type of broker describes its own settings.

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
    /// Whether it supports request-reply.
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
    pub(super) fn describes(&self, key: &str) -> bool {
        let (table, _) = key.split_once('.').unwrap_or((key, ""));
        self.lines.iter().any(|(title, _)| *title == table)
    }

    /// Adds the lines for people.
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

    /// Adds the lines for people.
    pub(super) fn show(&self, lines: &mut Lines) {
        self.settings.show(lines);
        lines.line("delivers", self.delivers);
        if self.requests {
            lines.line("requests", "components can send requests and reply to them");
        }
    }
}

/// Returns the delivery guarantee.
pub(super) fn delivers(connection: &Connection) -> &'static str {
    match connection.capabilities().at_least_once {
        true => "at least once",
        false => {
            "at most once: messages in flight, or waiting for a retry, are lost if the process ends"
        }
    }
}

/// Describes the options of a subscription, as its broker uses them.
pub(super) fn at_broker(subscription: &Subscription, connection: &Connection) -> Described {
    let candidate = subscription.candidate();
    connection.settings().describe_options(&candidate).into()
}

/// Returns warnings of what the policy requests but the broker cannot do.
pub(super) fn warnings(subscription: &Subscription, connection: &Connection) -> Vec<&'static str> {
    let can = connection.capabilities();
    let mut warnings = Vec::new();
    if subscription.policy.ordered() && !can.ordered {
        warnings.push("max_in_flight = 1 keeps the order on one host only: this broker keeps no order between several hosts");
    }
    if subscription.policy.order.is_some() && can.shared {
        warnings.push("order_key keeps the order on one host only: several hosts that share this subscription may deliver messages of one key out of order");
    }
    if subscription.policy.blocks() && can.shared {
        warnings.push("on_dead_letter = \"block\" applies to each host's own dead letters: other hosts that share this subscription continue with the key");
    }
    if !can.delayed_retry {
        warnings.push("messages wait for retries in this process, and are lost if it ends");
    }
    warnings
}
