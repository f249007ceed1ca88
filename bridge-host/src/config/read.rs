//! Declares the sections of a config file, and reads them. The keys of a section are
//! declared by the module that uses them.

use toml::de::DeTable;

use super::inspect::Inspect;
use super::optional_section::section;
use super::{
    Config, Log, Shutdown, Subscription, WasmSettings, connections, cross_checks, http, listeners,
    subscriptions,
};
use crate::delivery::DeliverySettings;
use crate::schema::{Declaration, Group, Kind, Part, Reader, Section, Table, table};
use crate::{admin, ingest};

/// All settings of a config.
pub const CONFIG: &Table = &Table {
    parts: &[
        Part::One(
            Declaration::<()>::kind(Kind::Map(&Kind::Typed(
                connections::types,
                connections::TYPE,
            )))
            .optional("`embedded` alone")
            .named("connections", "The brokers, by their names."),
        ),
        Part::One(table::<WasmSettings>().default("{}").named(
            "wasm",
            "Limits and folders that all components of the process share.",
        )),
        Part::One(
            table::<ingest::Settings>()
                .default("{}")
                .named("intake", "The listener for publishers."),
        ),
        Part::One(
            table::<Log>()
                .default("{}")
                .named("log", "What is logged, and how."),
        ),
        Part::One(
            table::<crate::http::Settings>()
                .default("{}")
                .named("http", "How requests go to endpoints on the network."),
        ),
        Part::One(
            table::<Shutdown>()
                .default("{}")
                .named("shutdown", "How the bridge ends."),
        ),
        Part::One(table::<DeliverySettings>().default("{}").named(
            "delivery",
            "Settings for the deliveries of all subscriptions.",
        )),
        Part::One(
            Declaration::<()>::kind(Kind::Tables(Subscription::TABLE))
                .optional("none: messages are accepted, but not delivered")
                .named(
                    "subscriptions",
                    "Topics, components, endpoint, and how to deliver.",
                ),
        ),
        Part::One(
            table::<admin::Settings>()
                .optional("none: no listener")
                .named("admin", "The listener for operators."),
        ),
    ],
};

/// Reads the whole config. The reader records errors; only without errors, the result is
/// what the user wrote.
pub(super) fn read<'a>(
    reader: &'a Reader<'a>,
    table: &'a DeTable<'a>,
    inspect: Inspect<'_>,
) -> Config {
    let mut top = Section::new(reader, "the config", 0..0, table);
    top.declare(CONFIG);
    let connections = connections::read(reader, top.peek("connections"));
    reader.set_connections(connections.keys().cloned());
    let wasm: WasmSettings = section(&mut top, "wasm");
    let mut config = Config {
        intake: listeners::intake(&mut top, &connections),
        admin: None,
        log: section(&mut top, "log"),
        http: http::read(&mut top),
        shutdown: section(&mut top, "shutdown"),
        delivery: section(&mut top, "delivery"),
        subscriptions: subscriptions::read(top.peek("subscriptions"), &wasm, inspect),
        wasm,
        connections: connections::readable(connections),
    };
    config.admin = listeners::admin(&mut top, &config.intake);
    top.finish();
    for subscription in &mut config.subscriptions {
        subscription.policy.max_hops = config.delivery.max_hops;
    }
    cross_checks::check(reader, &mut config.connections, &config.subscriptions);
    let target = config.connections.get(&config.intake.publish_to);
    if let Some(most) = target.and_then(|target| target.settings().max_message_size()) {
        // The intake does not read bodies that the broker would refuse.
        config.intake.max_body = most;
    }
    config
}
