//! Shows the effective settings for people: those that differ from the defaults, or all of
//! them with `--verbose`. The values come from `view`.

mod retry;

use std::path::Path;

use super::lines::Lines;
use super::view::{Policy, View};
use crate::config::Subscription;
use crate::schema::{Group, Shown, effective};

/// The name of the built-in adapter.
const ADAPTER: &str = "the adapter";
/// The name of the adapter for messages that components publish.
const PRODUCE: &str = "the adapter, for what the chain publishes";

/// Keys that the first lines of a subscription show already.
const SHOWN_FIRST: [&str; 5] = ["name", "from", "topics", "chain", "component"];

pub(super) fn show(file: &Path, view: &View, verbose: bool) -> String {
    let mut lines = Lines::default();
    lines.title(&format!("{} is valid", file.display()));
    process(&mut lines, view, verbose);
    for connection in &view.connections {
        lines.title(&format!("connection {}", connection.name));
        connection.show(&mut lines);
    }
    for subscription in &view.subscriptions {
        let name = text(subscription.values.get("name"));
        lines.title(&format!("subscription {name}"));
        policy(&mut lines, subscription, verbose);
        retry::show(&mut lines, &subscription.schedule, verbose);
    }
    if view.subscriptions.is_empty() {
        lines.title("no subscriptions: messages are accepted, but not delivered");
    }
    lines.into_text()
}

fn process(lines: &mut Lines, view: &View, verbose: bool) {
    for (name, table, values) in &view.sections {
        if matches!(*name, "intake" | "admin") && !verbose {
            lines.line(name, &listener(values));
            continue;
        }
        for (key, value) in effective(table, values, verbose) {
            lines.line(&format!("{name}.{key}"), &value);
        }
    }
    for warning in &view.warnings {
        lines.line("warning", warning);
    }
}

/// Returns a listener in one line: its address, its access, and where messages go.
fn listener(values: &crate::schema::ShownTable) -> String {
    let token = match values.get("token") {
        Some(Shown::Null) | None => "without",
        Some(_) => "with",
    };
    let mut line = format!("{}, {token} a token", text(values.get("address")));
    if let Some(connection) = values.get("publish_to") {
        line.push_str(&format!(", publishes to {}", text(Some(connection))));
    }
    if values.get("unrouted").is_some_and(|it| it == "refuse") {
        line.push_str(", refuses messages that match no subscription");
    }
    line
}

fn policy(lines: &mut Lines, policy: &Policy, verbose: bool) {
    let from = text(policy.values.get("from"));
    lines.line("from", &format!("{from}, {}", policy.delivers));
    for warning in &policy.warnings {
        lines.line("note", warning);
    }
    policy.at_broker.show(lines);
    let topics = match policy.values.get("topics") {
        Some(Shown::Array(topics)) => {
            let topics: Vec<_> = topics.iter().filter_map(Shown::as_str).collect();
            topics.join(", ")
        }
        _ => "those that its component returns".into(),
    };
    lines.line("topics", &topics);
    let components = policy.components.iter().map(|component| {
        component
            .as_deref()
            .unwrap_or(match policy.posts_published_messages {
                true => PRODUCE,
                false => ADAPTER,
            })
    });
    lines.line("components", &components.collect::<Vec<_>>().join(" > "));
    for (key, value) in effective(Subscription::TABLE, &policy.values, verbose) {
        let is_shown =
            SHOWN_FIRST.contains(&key.as_str()) || policy.at_broker.describes(&key) && !verbose;
        match (key.as_str(), policy.reuses_instances) {
            _ if is_shown => {}
            ("to.component", Some(true)) => {
                lines.line(&key, &format!("{value}, in process; instances are reused"));
            }
            ("to.component", Some(false)) => {
                let text = format!("{value}, in process; a new instance for each request");
                lines.line(&key, &text);
            }
            // Its default depends on other keys.
            ("retry.max_age", _) => lines.line(&key, &policy.schedule.max_age),
            _ => lines.line(&key, &value),
        }
    }
}

fn text(value: Option<&Shown>) -> &str {
    value.and_then(Shown::as_str).unwrap_or_default()
}
