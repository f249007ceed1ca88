//! What a config comes to, as plain data: for `--json`, and for those who
//! read it.

mod flow;
mod retry;

use std::collections::BTreeMap;
use std::time::Duration;

use mapping::Verdict;
use serde::Serialize;

use super::broker::{Broker, Consumer, broker, consumer, delivers, warnings};
use super::stores;
use crate::broker::Start;
use crate::config::{
    self, AskedTopics, Config, Connection, Endpoint, Loop, Parts, Subscription, loops,
    show_duration, show_size,
};
use crate::guest;
use crate::host::{self, posts_what_it_sends, too_few_descriptors};
use crate::trouble::descriptors;

pub(super) use flow::Flow;
pub(super) use retry::Retry;

/// A config, defaults and all, secrets left out.
#[derive(Serialize)]
pub(super) struct View {
    pub(super) intake: Intake,
    pub(super) admin: Option<Listener>,
    pub(super) guest_memory: String,
    pub(super) cache: String,
    pub(super) http: Http,
    pub(super) drain: String,
    pub(super) max_hops: u32,
    /// What concerns several subscriptions, and would be expected otherwise.
    pub(super) warnings: Vec<String>,
    pub(super) connections: Vec<Broker>,
    pub(super) subscriptions: Vec<Policy>,
}

/// The HTTP intake.
#[derive(Serialize)]
pub(super) struct Intake {
    pub(super) address: String,
    pub(super) token: bool,
    pub(super) into: String,
}

/// The listener for operators.
#[derive(Serialize)]
pub(super) struct Listener {
    pub(super) address: String,
    pub(super) token: bool,
}

/// How requests go to endpoints on the network.
#[derive(Serialize)]
pub(super) struct Http {
    /// Trusted beside the system's.
    pub(super) ca_file: Option<String>,
    pub(super) cert_file: Option<String>,
    pub(super) idle_timeout: String,
    pub(super) max_idle: usize,
    pub(super) max_connection_age: String,
}

/// The effective policy of a subscription.
#[derive(Serialize)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) from: String,
    /// `None`: what the component's `subscribe` returns.
    pub(super) topics: Option<Vec<String>>,
    /// Where it begins, if its broker does not know it.
    pub(super) start: &'static str,
    /// In the order in which a message meets them; the adapter is `None`.
    pub(super) parts: Vec<Option<String>>,
    /// The endpoint gets what these send, rather than what they pass on.
    pub(super) posts_what_they_send: bool,
    pub(super) to: Option<To>,
    /// By the name that a component connects to.
    pub(super) endpoints: BTreeMap<String, To>,
    pub(super) reply_to: Option<ReplyTo>,
    pub(super) dead_letters: Option<LettersTo>,
    /// What is promised of each message.
    pub(super) delivers: &'static str,
    /// What would be expected, and is not so.
    pub(super) warnings: Vec<&'static str>,
    pub(super) consumer: Option<Consumer>,
    /// The most that its pending messages and dead letters take.
    pub(super) quota: Option<String>,
    pub(super) max_in_flight: usize,
    /// With it, the limit moves between the two.
    pub(super) min_in_flight: Option<usize>,
    /// They share what may be in flight.
    pub(super) threads: usize,
    pub(super) flow: Flow,
    pub(super) timeout: String,
    pub(super) settings: Vec<(String, String)>,
    pub(super) reaches: Vec<String>,
    pub(super) limits: Limits,
    pub(super) retry: Retry,
}

/// An endpoint.
#[derive(Serialize)]
pub(super) struct To {
    pub(super) method: String,
    pub(super) url: String,
    /// In this process, rather than at that URL.
    pub(super) handler: Option<Handler>,
    pub(super) envelope: String,
    pub(super) timeout: String,
    pub(super) headers: Vec<String>,
    pub(super) successful_on: String,
    pub(super) retry_on: String,
    pub(super) dead_letter_on: String,
}

/// An HTTP handler component, and what it may see of the machine.
#[derive(Serialize)]
pub(super) struct Handler {
    pub(super) component: String,
    /// The HTTP middlewares in front of it, outermost first.
    pub(super) through: Vec<String>,
    /// An instance answers one request after the other.
    pub(super) reuse: bool,
    pub(super) dirs: Vec<Folder>,
    /// Names only.
    pub(super) env: Vec<String>,
}

/// A folder that a handler may open.
#[derive(Serialize)]
pub(super) struct Folder {
    pub(super) path: String,
    pub(super) seen_as: String,
    pub(super) write: bool,
}

/// Where responses are published.
#[derive(Serialize)]
pub(super) struct ReplyTo {
    pub(super) connection: String,
    pub(super) topic: String,
    pub(super) max_size: String,
}

/// Where dead letters are published.
#[derive(Serialize)]
pub(super) struct LettersTo {
    pub(super) connection: String,
    pub(super) topic: String,
}

/// What one instance may use.
#[derive(Serialize)]
pub(super) struct Limits {
    pub(super) memory: String,
    pub(super) requests: u32,
    pub(super) output: String,
    pub(super) compute: String,
    pub(super) fresh: bool,
    pub(super) recycle_after: u32,
}

impl View {
    pub(super) fn of(config: &Config, asked: &AskedTopics) -> Self {
        Self {
            intake: Intake {
                address: config.intake.address.to_string(),
                token: config.intake.token.is_some(),
                into: config.intake.into.clone(),
            },
            admin: config.admin.as_ref().map(|admin| Listener {
                address: admin.address.to_string(),
                token: admin.token.is_some(),
            }),
            guest_memory: show_size(config.guests.memory),
            cache: config.guests.cache.display().to_string(),
            http: http(&config.http),
            drain: show_duration(config.drain),
            max_hops: config.max_hops,
            warnings: warnings_of_all(config, asked),
            connections: config
                .connections
                .iter()
                .map(|(name, connection)| broker(name, connection))
                .collect(),
            subscriptions: config
                .subscriptions
                .iter()
                .map(|one| policy(one, &config.connections[&one.from]))
                .collect(),
        }
    }
}

fn warnings_of_all(config: &Config, asked: &AskedTopics) -> Vec<String> {
    let loops = loops(config, asked);
    let loops = loops.iter().map(|it| loop_warning(it, config.max_hops));
    let descriptors = too_few_descriptors(config, descriptors::highest_limit());
    let all = loops.chain(stores::warnings(config, asked));
    all.chain(descriptors).collect()
}

fn loop_warning(found: &Loop, max_hops: u32) -> String {
    let end = match found.is_counted() {
        true => format!("one that made more than {max_hops} hops becomes a dead letter"),
        false => "hops are not counted through the intake, so the loop never ends".into(),
    };
    format!("messages can go round in a loop, {found}: {end}")
}

fn http(settings: &crate::http::Settings) -> Http {
    let shown = |file: &std::path::PathBuf| file.display().to_string();
    Http {
        ca_file: settings.ca_file.as_ref().map(shown),
        cert_file: settings.client.as_ref().map(|(file, _)| shown(file)),
        idle_timeout: show_duration(settings.idle_timeout),
        max_idle: settings.max_idle,
        max_connection_age: show_duration(settings.max_connection_age),
    }
}

fn policy(subscription: &Subscription, connection: &Connection) -> Policy {
    let attempt = subscription.policy.timeout;
    let topics = subscription.topics.as_ref();
    let settings = subscription.settings.iter();
    Policy {
        name: subscription.name.clone(),
        from: subscription.from.clone(),
        topics: topics.map(|topics| topics.iter().map(ToString::to_string).collect()),
        start: match connection {
            // It keeps none of the messages that came before.
            Connection::Nats(_) => Start::New.as_str(),
            _ => subscription.start.unwrap_or_default().as_str(),
        },
        parts: parts(subscription),
        posts_what_they_send: posts_what_it_sends(subscription),
        to: subscription
            .endpoint
            .as_ref()
            .map(|endpoint| to(endpoint, attempt)),
        endpoints: subscription
            .endpoints
            .iter()
            .map(|(name, endpoint)| (name.clone(), to(endpoint, attempt)))
            .collect(),
        reply_to: subscription.reply_to.as_ref().map(reply_to),
        dead_letters: subscription.dead_letters.as_ref().map(|to| LettersTo {
            connection: to.connection.clone(),
            topic: to.topic.clone(),
        }),
        delivers: delivers(connection),
        warnings: warnings(subscription, connection),
        consumer: consumer(subscription, connection),
        quota: subscription.quota.map(show_size),
        max_in_flight: subscription.policy.max_in_flight,
        min_in_flight: subscription.policy.min_in_flight,
        threads: subscription.threads,
        flow: Flow::of(&subscription.policy),
        timeout: show_duration(attempt),
        settings: settings
            .map(|(key, text)| (key.clone(), text.shown().into()))
            .collect(),
        reaches: subscription.allow.clone(),
        limits: Limits {
            memory: show_size(subscription.limits.memory),
            requests: subscription.limits.requests,
            output: show_size(subscription.limits.output),
            compute: show_duration(subscription.limits.compute),
            fresh: subscription.limits.fresh,
            recycle_after: subscription.limits.recycle_after,
        },
        retry: Retry::of(&subscription.policy),
    }
}

fn parts(subscription: &Subscription) -> Vec<Option<String>> {
    let files = subscription.parts.files().iter();
    let adapter = match subscription.parts {
        Parts::Adapter => true,
        Parts::Chain(_) => subscription.endpoint.is_some(),
        Parts::Component(_) => false,
    };
    files
        .map(|file| Some(file.display().to_string()))
        .chain(adapter.then_some(None))
        .collect()
}

/// Without a time of its own, an exchange has that of the attempt.
fn to(endpoint: &Endpoint, attempt: Duration) -> To {
    let settings = &endpoint.settings;
    let statuses = |wanted| statuses(|status| settings.verdict(status) == wanted);
    To {
        method: format!("{:?}", settings.method).to_uppercase(),
        url: endpoint.shown.clone(),
        handler: endpoint.handler.as_ref().map(handler),
        envelope: format!("{:?}", settings.envelope).to_lowercase(),
        timeout: show_duration(settings.timeout.unwrap_or(attempt)),
        headers: endpoint
            .headers
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
        successful_on: statuses(Verdict::Success),
        retry_on: statuses(Verdict::Retry),
        dead_letter_on: statuses(Verdict::DeadLetter),
    }
}

fn handler(handler: &config::Handler) -> Handler {
    let folder = |dir: &guest::Folder| Folder {
        path: dir.path.display().to_string(),
        seen_as: dir.seen_as.clone(),
        write: dir.write,
    };
    let grant = &handler.grant;
    let answering = host::handler(handler).map(|(_, answering)| answering.face);
    Handler {
        // One that cannot be read is a fault, and not shown.
        reuse: answering.is_ok_and(|face| handler.reuses(face)),
        component: handler.file.display().to_string(),
        through: handler
            .through
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        dirs: grant.dirs.iter().map(folder).collect(),
        env: grant.env.iter().map(|(name, _)| name.clone()).collect(),
    }
}

fn reply_to(reply_to: &config::ReplyTo) -> ReplyTo {
    ReplyTo {
        connection: reply_to.connection.clone(),
        topic: reply_to.topic.clone(),
        max_size: show_size(reply_to.max_size),
    }
}

/// The statuses for which something holds, as a user would list them.
fn statuses(holds: impl Fn(u16) -> bool) -> String {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for status in (200..600).filter(|status| holds(*status)) {
        match ranges.last_mut() {
            // A range ends with its class, so that a whole class is seen.
            Some((_, last)) if *last + 1 == status && status % 100 != 0 => *last = status,
            _ => ranges.push((status, status)),
        }
    }
    let shown = |(first, last): &(u16, u16)| match (first % 100, last % 100) {
        (0, 99) => format!("{}xx", first / 100),
        _ if first == last => first.to_string(),
        _ => format!("{first}-{last}"),
    };
    ranges.iter().map(shown).collect::<Vec<_>>().join(", ")
}
