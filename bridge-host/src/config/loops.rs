//! Finds loops between subscriptions: a subscription publishes what another one receives,
//! and so on, back to the first. What components publish is not in the config, so it
//! stays out.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use super::{Config, Endpoint, Subscription};
use crate::message::{TopicPattern, check_topic};

/// The topics that components returned, by the name of their subscription.
pub type ComponentTopics = BTreeMap<String, Vec<TopicPattern>>;

/// A loop: each subscription publishes what the next one receives, and the last one
/// publishes what the first one receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop(Vec<Step>);

/// One subscription of a loop, and the topic on which it publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    subscription: String,
    topic: String,
    by: Key,
}

/// The setting by which a subscription publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    ReplyTo,
    DeadLetters,
    /// The endpoint, which is the intake of the same bridge.
    Endpoint,
}

impl Loop {
    /// Returns whether the host can count the hops of a message in this loop. It cannot
    /// if the message passes through the bridge's own intake, as an HTTP request.
    pub fn is_counted(&self) -> bool {
        self.0.iter().all(|step| step.by != Key::Endpoint)
    }
}

impl fmt::Display for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            let by = match step.by {
                Key::ReplyTo => "reply_to",
                Key::DeadLetters => "dead_letters",
                Key::Endpoint => "to, this bridge's intake",
            };
            write!(f, "{} -> {} ({by}) -> ", step.subscription, step.topic)?;
        }
        f.write_str(self.0.first().map_or("", |step| &step.subscription))
    }
}

/// A publication of a subscription: the connection, the topic, and the setting.
type Published<'a> = (&'a str, String, Key);

/// Returns the loops of a config: for each subscription in a loop the shortest one, and
/// each loop once.
pub fn loops(config: &Config, component_topics: &ComponentTopics) -> Vec<Loop> {
    let graph = Graph::of(config, component_topics);
    let mut is_in_loop = vec![false; graph.next.len()];
    let mut found = Vec::new();
    for start in 0..graph.next.len() {
        if is_in_loop[start] {
            continue;
        }
        let Some(cycle) = graph.shortest_cycle(start) else {
            continue;
        };
        for (at, _) in &cycle {
            is_in_loop[*at] = true;
        }
        found.push(Loop(cycle.into_iter().map(|(_, step)| step).collect()));
    }
    found
}

/// The subscriptions that receive what each subscription publishes.
struct Graph {
    next: Vec<Vec<(usize, Step)>>,
}

impl Graph {
    fn of(config: &Config, component_topics: &ComponentTopics) -> Self {
        let next = config.subscriptions.iter().map(|from| {
            let published = published(config, from).into_iter();
            published
                .flat_map(|(connection, topic, by)| {
                    let to = receivers(config, component_topics, connection, &topic);
                    to.into_iter().map(move |to| {
                        let (subscription, topic) = (from.name.clone(), topic.clone());
                        let step = Step {
                            subscription,
                            topic,
                            by,
                        };
                        (to, step)
                    })
                })
                .collect()
        });
        Self {
            next: next.collect(),
        }
    }

    /// Returns the shortest cycle through a subscription: its subscriptions, and what each
    /// of them publishes.
    fn shortest_cycle(&self, start: usize) -> Option<Vec<(usize, Step)>> {
        let mut from: Vec<Option<(usize, &Step)>> = vec![None; self.next.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for (to, step) in &self.next[at] {
                if from[*to].is_none() {
                    from[*to] = Some((at, step));
                    queue.push_back(*to);
                }
            }
        }
        let mut cycle = Vec::new();
        let mut at = start;
        loop {
            let (before, step) = from[at]?;
            cycle.push((before, step.clone()));
            at = before;
            if at == start {
                break;
            }
        }
        cycle.reverse();
        Some(cycle)
    }
}

/// Returns what a subscription publishes by its settings.
fn published<'a>(config: &'a Config, subscription: &'a Subscription) -> Vec<Published<'a>> {
    let mut published = Vec::new();
    if let Some(to) = &subscription.reply_to {
        published.push((&*to.connection, to.topic.clone(), Key::ReplyTo));
    }
    if let Some(to) = &subscription.dead_letters {
        published.push((&*to.connection, to.topic.clone(), Key::DeadLetters));
    }
    let named = subscription.endpoints.values();
    let endpoints = subscription.endpoint.iter().chain(named);
    let own = endpoints.filter_map(|endpoint| own_topic(config, endpoint));
    published.extend(own.map(|topic| (&*config.intake.publish_to, topic, Key::Endpoint)));
    published
}

/// Returns the topic of requests to this endpoint, if it is the intake of the same
/// bridge.
fn own_topic(config: &Config, endpoint: &Endpoint) -> Option<String> {
    let (intake, url) = (config.intake.address, &endpoint.url);
    if endpoint.handler.is_some() || url.port_u16() != Some(intake.port()) {
        return None;
    }
    let host = url.host()?.trim_matches(['[', ']']);
    let is_own = match host.parse::<std::net::IpAddr>() {
        Ok(ip) => ip == intake.ip() || ip.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    };
    let topic = url.path().strip_prefix("/topics/")?;
    (is_own && check_topic(topic).is_ok()).then(|| topic.to_owned())
}

/// Returns the subscriptions that receive messages on a topic of a connection.
fn receivers(
    config: &Config,
    component_topics: &ComponentTopics,
    connection: &str,
    topic: &str,
) -> Vec<usize> {
    let takes = |one: &Subscription| {
        let topics = one
            .topics
            .as_ref()
            .or_else(|| component_topics.get(&one.name));
        let mut topics = topics.into_iter().flatten();
        topics.any(|pattern| pattern.matches(topic)) && share_topics(config, connection, &one.from)
    };
    let all = config.subscriptions.iter().enumerate();
    all.filter_map(|(n, one)| takes(one).then_some(n)).collect()
}

/// Returns whether two connections share their topics: the streams of a NATS server
/// receive what is published on core NATS, and core NATS what is published on them.
fn share_topics(config: &Config, one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let locations = |name: &str| {
        let connection = config.connections.get(name);
        connection.map_or(Vec::new(), |it| it.settings().places())
    };
    let others = locations(other);
    locations(one)
        .iter()
        .any(|location| others.contains(location))
}
