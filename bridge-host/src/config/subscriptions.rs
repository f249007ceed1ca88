//! The tables `[[subscriptions]]`.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::load::Inspect;
use super::parts::{Places, parts};
use super::read::Names;
use super::section::Section;
use super::value::Value;
use super::{
    EMBEDDED, Endpoint, Guests, Parts, Place, Subscription, endpoint, endpoints, grants, letters,
    nats, policy, replies,
};
use crate::broker::Start;
use crate::message::TopicPattern;

const TOPICS_HELP: &str =
    "a list of patterns: topics = [\"orders.>\"]; * is one word, > is all that follow";

/// All subscriptions that are well written, in the order of the file.
pub(super) fn read(
    value: Option<Value<'_>>,
    names: &Names<'_>,
    guests: &Guests,
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
        let subscription = subscription(section, names, guests, &mut seen);
        let Some(subscription) = subscription.filter(|_| reader.faults_so_far() == before) else {
            continue;
        };
        for fault in inspect(guests, &subscription) {
            reader.push(fault);
        }
        all.push(subscription);
    }
    all
}

fn subscription(
    mut section: Section<'_>,
    names: &Names<'_>,
    guests: &Guests,
    seen: &mut BTreeMap<String, Place>,
) -> Option<Subscription> {
    let mut places = Places::new(&section);
    let name = name(&mut section, &mut places, seen);
    let from = match section.take("from") {
        Some(value) => names.known(&value),
        None => Some(EMBEDDED.into()),
    };
    let parts = parts(&mut section, &mut places);
    let topics = topics(&mut section, &mut places, parts.as_ref());
    let start = start(&mut section, &mut places);
    let endpoint = endpoint(&mut section, &mut places, parts.as_ref());
    let endpoints = endpoints(&mut section, &mut places, parts.as_ref());
    let reply_at = section.take("reply_to");
    let reply_to = reply_at.as_ref().map(|value| replies::read(value, names));
    let dead_letters = section.take("dead_letters").and_then(|value| {
        places.note("dead_letters", &value);
        letters::read(&value, names)
    });
    let policy = policy::read(&mut section);
    let threads = section
        .take("threads")
        .map_or(Some(1), |value| policy::threads(&value, &policy));
    let settings = grants::settings(section.take("settings"));
    let allow = grants::allow(section.take("allow"));
    let in_process = endpoint.as_ref().is_some_and(|it| it.handler.is_some());
    let handler_alone = in_process && parts == Some(Parts::Adapter);
    let limits = grants::limits(section.take("limits"), guests, handler_alone);
    let consumer = section.take("consumer").and_then(|value| {
        places.note("consumer", &value);
        nats::consumer(&value)
    });
    let quota = quota(&mut section, &mut places);
    section.finish();
    let subscription = Subscription {
        name: name?,
        from: from?,
        topics,
        start,
        parts: parts?,
        endpoint,
        endpoints,
        reply_to: reply_to.flatten(),
        dead_letters,
        policy,
        threads: threads?,
        settings,
        allow,
        limits,
        quota,
        consumer,
        places: places.into_found(),
    };
    reply_at.inspect(|value| replies::check(value, &subscription));
    Some(subscription)
}

fn quota(section: &mut Section<'_>, places: &mut Places<'_>) -> Option<u64> {
    let value = section.take("quota")?;
    places.note("quota", &value);
    value.size()
}

fn name(
    section: &mut Section<'_>,
    places: &mut Places<'_>,
    seen: &mut BTreeMap<String, Place>,
) -> Option<String> {
    let Some(value) = section.take("name") else {
        let help = "name it: name = \"orders\"; its place in the queue is kept under that";
        section.missing("name", help);
        return None;
    };
    places.note("name", &value);
    let text = value.text()?;
    let name = text.expose();
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(legal) {
        value.fault(
            format!("{} is no name for a subscription", text.quoted()),
            "a name is made of letters, digits, `-`, `_` and `.`",
        );
        return None;
    }
    if let Some(first) = seen.get(name) {
        value.fault(
            format!(
                "there is a subscription {} already, on line {}",
                text.quoted(),
                first.line
            ),
            "each needs a name of its own: its place in the queue is kept under that",
        );
        return None;
    }
    seen.insert(name.into(), section.reader.source.place(value.span.clone()));
    Some(name.into())
}

fn topics(
    section: &mut Section<'_>,
    places: &mut Places<'_>,
    parts: Option<&Parts>,
) -> Option<Vec<TopicPattern>> {
    let Some(value) = section.take("topics") else {
        if parts == Some(&Parts::Adapter) {
            section.missing("topics", TOPICS_HELP);
        }
        return None;
    };
    places.note("topics", &value);
    let mut topics = Vec::new();
    for item in value.list(TOPICS_HELP)? {
        let Some(text) = item.text() else { continue };
        let pattern = TopicPattern::parse(text.expose());
        topics.extend(item.checked(
            &text,
            pattern,
            "such as \"orders.new\", \"orders.*\", \"orders.>\"",
        ));
    }
    Some(topics)
}

fn start(section: &mut Section<'_>, places: &mut Places<'_>) -> Option<Start> {
    let value = section.take("start")?;
    places.note("start", &value);
    value.one_of(&Start::CHOICES)
}

fn endpoint(
    section: &mut Section<'_>,
    places: &mut Places<'_>,
    parts: Option<&Parts>,
) -> Option<Endpoint> {
    if let Some(value) = section.take("to") {
        places.note("to", &value);
        return endpoint::read(&value);
    }
    if parts == Some(&Parts::Adapter) {
        section.missing("to", "name the endpoint: to = \"https://…\"");
    }
    None
}

fn endpoints(
    section: &mut Section<'_>,
    places: &mut Places<'_>,
    parts: Option<&Parts>,
) -> Vec<(String, Endpoint)> {
    let value = section.take("endpoints");
    if let Some(value) = &value {
        places.note("endpoints", value);
        if parts == Some(&Parts::Adapter) {
            value.reader.fault(
                value.key_span.clone(),
                "there are `endpoints`, and no component that would connect to them",
                "name the component in `chain` or `component`, or the one endpoint in `to`",
            );
        }
    }
    endpoints::read(value)
}
