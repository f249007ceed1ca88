//! The sections of a config file, and what has to fit between them.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::load::Inspect;
use super::section::{Reader, Section};
use super::{Config, Connection, connections, fit, http, listeners, process, subscriptions};

/// Reads everything; faults go to the reader. Only without any is the result
/// what the user wrote.
pub(super) fn read<'a>(
    reader: &'a Reader<'a>,
    table: &'a DeTable<'a>,
    inspect: Inspect<'_>,
) -> Config {
    let mut top = Section::new(reader, "the config", 0..0, table);
    let connections = connections::read(reader, top.take("connections"));
    let names = Names::of(&connections);
    let guests = process::guests(reader, top.take("guests"));
    let mut config = Config {
        intake: listeners::intake(top.take("intake"), &names),
        admin: None,
        log: process::log(top.take("log")),
        http: http::read(top.take("http")),
        drain: process::shutdown(top.take("shutdown")),
        max_hops: process::delivery(top.take("delivery")),
        subscriptions: subscriptions::read(top.take("subscriptions"), &names, &guests, inspect),
        guests,
        connections: connections::sound(connections),
    };
    config.admin = listeners::admin(top.take("admin"), &config.intake);
    top.finish();
    for subscription in &mut config.subscriptions {
        subscription.policy.max_hops = config.max_hops;
    }
    fit::fit(reader, &mut config.connections, &config.subscriptions);
    if let Some(Connection::Embedded(broker)) = config.connections.get(&config.intake.into) {
        // What the broker would refuse is not read to its end.
        config.intake.max_body = broker.max_message_size;
    }
    config
}

/// The names of all connections, faulty ones included.
pub(super) struct Names<'a> {
    all: Vec<&'a str>,
    embedded: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn of(connections: &'a BTreeMap<String, Option<Connection>>) -> Self {
        let is_embedded = |it: &Option<Connection>| matches!(it, Some(Connection::Embedded(_)));
        let embedded = connections.iter().filter(|(_, it)| is_embedded(it));
        Self {
            all: connections.keys().map(String::as_str).collect(),
            embedded: embedded.map(|(name, _)| name.as_str()).collect(),
        }
    }

    /// Whether a connection of this name is a sound one to an embedded broker.
    pub(super) fn is_embedded(&self, name: &str) -> bool {
        self.embedded.contains(&name)
    }

    /// Reads the name of a connection that there is.
    pub(super) fn known(&self, value: &super::value::Value<'_>) -> Option<String> {
        let text = value.text()?;
        if self.all.contains(&text.expose()) {
            return Some(text.expose().into());
        }
        let help = super::suggest::did_you_mean(text.expose(), &self.all)
            .unwrap_or_else(|| format!("there is {}", super::suggest::list(&self.all)));
        value.fault(format!("there is no connection {}", text.quoted()), help);
        None
    }
}
