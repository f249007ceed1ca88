//! What a config comes to, for people.

mod flow;
mod retry;

use std::path::Path;

use super::broker_lines::{broker, consumer};
use super::lines::Lines;
use super::view::{Folder, Handler, LettersTo, Limits, Policy, ReplyTo, To, View};

/// What the built-in component is called.
const ADAPTER: &str = "the adapter";
/// The same where it takes what is sent.
const PRODUCE: &str = "the adapter, for what is sent";

pub(super) fn show(file: &Path, view: &View) -> String {
    let mut lines = Lines::default();
    lines.title(&format!("{} is sound", file.display()));
    process(&mut lines, view);
    for connection in &view.connections {
        lines.title(&format!("connection {}", connection.name));
        broker(&mut lines, connection);
    }
    for subscription in &view.subscriptions {
        lines.title(&format!("subscription {}", subscription.name));
        policy(&mut lines, subscription);
        retry::show(&mut lines, &subscription.retry);
    }
    if view.subscriptions.is_empty() {
        lines.title("no subscriptions: messages are taken, and delivered to nobody");
    }
    lines.into_text()
}

fn process(lines: &mut Lines, view: &View) {
    let intake = &view.intake;
    let listener = |address: &str, token: bool| {
        let token = if token { "with" } else { "without" };
        format!("{address}, {token} a token")
    };
    let address = listener(&intake.address, intake.token);
    lines.line("intake", &format!("{address}, into {}", intake.into));
    if let Some(admin) = &view.admin {
        lines.line("admin", &listener(&admin.address, admin.token));
    }
    lines.line(
        "components",
        &format!("{} in all; compiled in {}", view.guest_memory, view.cache),
    );
    let http = &view.http;
    if let Some(file) = &http.ca_file {
        lines.line("trusts", &format!("{file}, and the system's authorities"));
    }
    if let Some(file) = &http.cert_file {
        lines.line("shows", &format!("{file} to endpoints that ask"));
    }
    lines.line("shutdown", &format!("drains for {} at most", view.drain));
    let hops = format!("{} at most from one subscription to another", view.max_hops);
    lines.line("hops", &hops);
    for warning in &view.warnings {
        lines.line("warning", warning);
    }
}

fn policy(lines: &mut Lines, policy: &Policy) {
    lines.line("from", &format!("{}, {}", policy.from, policy.delivers));
    for warning in &policy.warnings {
        lines.line("note", warning);
    }
    if let Some(it) = &policy.consumer {
        lines.line("consumer", &consumer(it));
    }
    if let Some(quota) = &policy.quota {
        let text = format!(
            "{quota} for pending messages and dead letters; beyond it new messages are not kept"
        );
        lines.line("quota", &text);
    }
    let topics = policy.topics.as_ref().map(|topics| topics.join(", "));
    lines.line(
        "topics",
        topics.as_deref().unwrap_or("those its component asks for"),
    );
    let start = match policy.start {
        "all" => "with all messages that are kept",
        "new" => "with the next message",
        "last" => "with the last message that is kept",
        _ => "with the last message of each topic",
    };
    lines.line("begins", &format!("{start}, when it is new"));
    let parts = policy.parts.iter().map(|part| {
        part.as_deref()
            .unwrap_or(match policy.posts_what_they_send {
                true => PRODUCE,
                false => ADAPTER,
            })
    });
    lines.line("through", &parts.collect::<Vec<_>>().join(" > "));
    if let Some(endpoint) = &policy.to {
        to(lines, "to", endpoint);
    }
    for (name, endpoint) in &policy.endpoints {
        to(lines, &format!("endpoint {name}"), endpoint);
    }
    if let Some(reply_to) = &policy.reply_to {
        let ReplyTo {
            connection,
            topic,
            max_size,
        } = reply_to;
        let replies = format!("to {topic} of {connection}, at most {max_size} each");
        lines.line("replies", &replies);
    }
    if let Some(LettersTo { connection, topic }) = &policy.dead_letters {
        lines.line("dead letters", &format!("to {topic} of {connection}"));
    }
    for (key, value) in &policy.settings {
        lines.line("setting", &format!("{key} = {value}"));
    }
    lines.line("may reach", &reach(policy));
    lines.line("limits", &limits(&policy.limits));
    flow::show(lines, policy);
    lines.line("timeout", &format!("{} an attempt", policy.timeout));
}

fn to(lines: &mut Lines, name: &str, to: &To) {
    lines.line(name, &format!("{} {}", to.method, to.url));
    if let Some(handler) = &to.handler {
        let through = handler.through.iter().chain([&handler.component]);
        let through: Vec<_> = through.map(String::as_str).collect();
        let parts = through.join(" > ");
        let instances = match handler.reuse {
            true => "instances are reused",
            false => "a new instance for each request",
        };
        let answered = format!("{parts}, in process; {instances}");
        lines.line("answered by", &answered);
        lines.line("granted", &granted(handler));
    }
    lines.line(
        "envelope",
        &format!("{}; an exchange has {}", to.envelope, to.timeout),
    );
    for name in &to.headers {
        lines.line("header", &format!("{name}: ***"));
    }
    for (name, statuses) in [
        ("delivered on", &to.successful_on),
        ("again on", &to.retry_on),
        ("given up on", &to.dead_letter_on),
    ] {
        lines.line(
            name,
            if statuses.is_empty() {
                "nothing"
            } else {
                statuses
            },
        );
    }
}

fn granted(handler: &Handler) -> String {
    let folder = |dir: &Folder| {
        let access = if dir.write { "writable" } else { "read-only" };
        format!("{} as {}, {access}", dir.path, dir.seen_as)
    };
    let dirs = handler.dirs.iter().map(folder);
    let env = handler.env.iter().map(|name| format!("${name}"));
    match dirs.chain(env).collect::<Vec<_>>() {
        none if none.is_empty() => "no folder, no variable".into(),
        all => all.join("; "),
    }
}

fn reach(policy: &Policy) -> String {
    let on_network = policy.to.as_ref().filter(|to| to.handler.is_none());
    let endpoint = on_network.map(|_| "its endpoint");
    let named = (!policy.endpoints.is_empty()).then_some("its named endpoints");
    let listed = policy.reaches.iter().map(String::as_str);
    let all: Vec<_> = endpoint.into_iter().chain(named).chain(listed).collect();
    match all.is_empty() {
        true => "nothing".into(),
        false => all.join(", "),
    }
}

fn limits(limits: &Limits) -> String {
    let instances = match limits.fresh {
        true => "a new one for each message".into(),
        false => format!("replaced after {} calls", limits.recycle_after),
    };
    let Limits {
        memory, compute, ..
    } = limits;
    let mut text = format!("an instance has {memory}, computes for {compute} a call, {instances}");
    let Limits {
        requests, output, ..
    } = limits;
    text.push_str(&format!(
        "; a call has {requests} requests open at once, and prints {output}"
    ));
    text
}
