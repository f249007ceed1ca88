//! Reads the tables `[[subscriptions]]`, and checks the keys of each against each other.
//! The keys are declared in `subscription`.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::inspect::Inspect;
use super::subscription::TOPICS_HELP;
use super::{Components, SourceLocation, Subscription, WasmSettings, component_access, endpoints};
use crate::schema::{Group, Section, Value};

/// Returns all valid subscriptions, in the order of the file.
pub(super) fn read(
    value: Option<Value<'_>>,
    wasm: &WasmSettings,
    inspect: Inspect<'_>,
) -> Vec<Subscription> {
    let Some(value) = value else {
        return Vec::new();
    };
    let reader = value.reader;
    let DeValue::Array(items) = value.value else {
        value.fault(
            "`subscriptions` is a list of tables",
            "write [[subscriptions]], with two pairs of brackets, above each subscription",
        );
        return Vec::new();
    };
    let mut seen = BTreeMap::new();
    let mut all = Vec::new();
    for item in items.iter() {
        let DeValue::Table(table) = item.get_ref() else {
            let help = "write [[subscriptions]] above each subscription";
            reader.fault(item.span(), "a subscription is a table", help);
            continue;
        };
        let before = reader.faults_so_far();
        let section = Section::new(reader, "the subscription", item.span(), table);
        let subscription = one(section, wasm, &mut seen);
        let Some(subscription) = subscription.filter(|_| reader.faults_so_far() == before) else {
            continue;
        };
        for fault in inspect(wasm, &subscription) {
            reader.push(fault);
        }
        all.push(subscription);
    }
    all
}

fn one(
    mut section: Section<'_>,
    wasm: &WasmSettings,
    seen: &mut BTreeMap<String, SourceLocation>,
) -> Option<Subscription> {
    let read = Subscription::read(&mut section);
    check_required(&section);
    check_name(&section, seen);
    if let Some(one) = &read {
        let is_alone = one.components == Components::Adapter;
        endpoints::check(&section, &one.endpoints, is_alone);
        check_replies(&section, one);
        let handler_alone = one.handler().is_some() && is_alone;
        component_access::check_limits(&section, wasm.memory, one.limits.memory, handler_alone);
        check_threads(&section, one);
    }
    let mut locations = section.locations();
    let begins = section.location();
    locations.entry("name".into()).or_insert(begins);
    section.finish();
    read.map(|one| Subscription { locations, ..one })
}

/// Checks that a subscription without components has `topics` and `to`.
fn check_required(section: &Section<'_>) {
    let has = |key: &str| section.peek(key).is_some();
    if has("chain") || has("component") {
        return;
    }
    if !has("topics") {
        section.missing("topics", TOPICS_HELP);
    }
    if !has("to") {
        section.missing("to", "name the endpoint: to = \"https://…\"");
    }
}

/// Checks that no earlier subscription has the same name.
fn check_name(section: &Section<'_>, seen: &mut BTreeMap<String, SourceLocation>) {
    if section.is_faulty("name") {
        return;
    }
    let Some((value, text)) = section
        .peek("name")
        .and_then(|it| it.text().map(|text| (it, text)))
    else {
        return;
    };
    if let Some(first) = seen.get(text.expose()) {
        value.fault(
            format!(
                "the subscription on line {1} has the name {0}, too",
                text.quoted(),
                first.line
            ),
            "give each subscription its own name: the broker keeps the subscription's position under it",
        );
        return;
    }
    let location = section.reader.location(value.span);
    seen.insert(text.expose().into(), location);
}

/// Checks `threads` against `order_key` and `max_in_flight`.
fn check_threads(section: &Section<'_>, one: &Subscription) {
    let (threads, most) = (one.threads, one.policy.max_in_flight);
    if threads > 1 && one.policy.order.is_some() {
        section.fault(
            "threads",
            "with an `order_key`, all messages are on one thread to keep their order",
            "leave out `threads` or `order_key`",
        );
    } else if threads > most {
        section.fault(
            "threads",
            format!(
                "{threads} threads are more than the {most} messages in flight that they share"
            ),
            "`threads` must not be greater than `max_in_flight`",
        );
    }
}

/// Checks that `reply_to` has an endpoint, and that replies do not come back as messages.
fn check_replies(section: &Section<'_>, subscription: &Subscription) {
    let Some(value) = section.peek("reply_to") else {
        return;
    };
    // An endpoint that could not be read has its own error.
    if section.peek("to").is_none() {
        value.reader.fault(
            value.key_span.clone(),
            "there is a `reply_to`, but no `to` whose responses could be published",
            "name the endpoint in `to`, or let the component publish",
        );
    }
    let Some(reply_to) = &subscription.reply_to else {
        return;
    };
    let topic = &reply_to.topic;
    let topics = subscription.topics.as_deref().unwrap_or_default();
    let comes_back = topics.iter().any(|pattern| pattern.matches(topic));
    if comes_back && reply_to.connection == subscription.from {
        value.fault(
            format!("the subscription would receive its own replies, on {topic:?}"),
            "choose a topic that `topics` does not match",
        );
    }
}
