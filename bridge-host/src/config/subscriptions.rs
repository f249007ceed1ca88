//! The tables `[[subscriptions]]`, and what has to fit between the keys of one.
//! The keys are declared in `subscription`.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::inspect::Inspect;
use super::subscription::TOPICS_HELP;
use super::{Parts, Place, Subscription, WasmSettings, endpoints, grants};
use crate::schema::{Group, Section, Value};

/// All subscriptions that are well written, in the order of the file.
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
            "write [[subscriptions]], in two pairs of brackets, above each of them",
        );
        return Vec::new();
    };
    let mut seen = BTreeMap::new();
    let mut all = Vec::new();
    for item in items.iter() {
        let DeValue::Table(table) = item.get_ref() else {
            let help = "write [[subscriptions]] above each of them";
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
    seen: &mut BTreeMap<String, Place>,
) -> Option<Subscription> {
    let read = Subscription::read(&mut section);
    needs(&section);
    unique(&section, seen);
    if let Some(one) = &read {
        let is_alone = one.parts == Parts::Adapter;
        endpoints::check(&section, &one.endpoints, is_alone);
        replies(&section, one);
        let handler_alone = one.handler().is_some() && is_alone;
        grants::check_limits(&section, wasm.memory, one.limits.memory, handler_alone);
        threads(&section, one);
    }
    let mut places = section.places();
    let begins = section.place();
    places.entry("name".into()).or_insert(begins);
    section.finish();
    read.map(|one| Subscription { places, ..one })
}

/// What the adapter alone cannot do without.
fn needs(section: &Section<'_>) {
    let is_there = |key: &str| section.peek(key).is_some();
    if is_there("chain") || is_there("component") {
        return;
    }
    if !is_there("topics") {
        section.missing("topics", TOPICS_HELP);
    }
    if !is_there("to") {
        section.missing("to", "name the endpoint: to = \"https://…\"");
    }
}

/// Records a name that another subscription has already.
fn unique(section: &Section<'_>, seen: &mut BTreeMap<String, Place>) {
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
                "there is a subscription {} already, on line {}",
                text.quoted(),
                first.line
            ),
            "each needs a name of its own: its place in the queue is kept under that",
        );
        return;
    }
    let place = section.reader.place(value.span);
    seen.insert(text.expose().into(), place);
}

/// What ties `threads` to the rest.
fn threads(section: &Section<'_>, one: &Subscription) {
    let (threads, most) = (one.threads, one.policy.max_in_flight);
    if threads > 1 && one.policy.order.is_some() {
        section.fault(
            "threads",
            "with an `order_key` all messages are on one thread, where their order is kept",
            "leave `threads` out, or the `order_key`",
        );
    } else if threads > most {
        section.fault(
            "threads",
            format!("{threads} threads cannot share the {most} in flight"),
            "`threads` is at most `max_in_flight`",
        );
    }
}

/// Replies need responses, and must not come back as messages.
fn replies(section: &Section<'_>, subscription: &Subscription) {
    let Some(value) = section.peek("reply_to") else {
        return;
    };
    // An endpoint that could not be read has a fault of its own.
    if section.peek("to").is_none() {
        value.reader.fault(
            value.key_span.clone(),
            "there is a `reply_to`, and no `to` that would answer",
            "name the endpoint, or have the component publish what it wants",
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
            "choose a topic that `topics` does not select",
        );
    }
}
