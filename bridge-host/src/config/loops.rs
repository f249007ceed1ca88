//! Loops between subscriptions, as far as the config shows them: a message
//! that one of them publishes is taken by another, whose own is taken by the
//! first. What components publish is known only when they run.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use super::{Config, Endpoint, Subscription};
use crate::message::{TopicPattern, check_topic};

/// The topics that components ask for, by the name of their subscription.
pub type AskedTopics = BTreeMap<String, Vec<TopicPattern>>;

/// Subscriptions in a circle: each publishes what the next one takes, and the
/// last one what the first takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop(Vec<Step>);

/// One subscription of a loop, and what it publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    subscription: String,
    topic: String,
    by: Key,
}

/// The key by which a subscription publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    ReplyTo,
    DeadLetters,
    /// Its endpoint is this bridge's own intake.
    Endpoint,
}

impl Loop {
    /// Whether the host can count the hops of a message on its way: it cannot
    /// where the message leaves as an HTTP request to the bridge's own intake.
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

/// What a subscription publishes: the connection, the topic, and the key that
/// says so.
type Published<'a> = (&'a str, String, Key);

/// The loops of a config: the shortest through each subscription that is on
/// one, each of them once.
pub fn loops(config: &Config, asked: &AskedTopics) -> Vec<Loop> {
    let graph = Graph::of(config, asked);
    let mut on_one = vec![false; graph.next.len()];
    let mut found = Vec::new();
    for start in 0..graph.next.len() {
        if on_one[start] {
            continue;
        }
        let Some(way) = graph.way_back(start) else {
            continue;
        };
        for (at, _) in &way {
            on_one[*at] = true;
        }
        found.push(Loop(way.into_iter().map(|(_, step)| step).collect()));
    }
    found
}

/// Which subscriptions take what each one publishes.
struct Graph {
    next: Vec<Vec<(usize, Step)>>,
}

impl Graph {
    fn of(config: &Config, asked: &AskedTopics) -> Self {
        let next = config.subscriptions.iter().map(|from| {
            let published = published(config, from).into_iter();
            published
                .flat_map(|(connection, topic, by)| {
                    let to = takers(config, asked, connection, &topic);
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

    /// The shortest way from a subscription back to it: those on it, and what
    /// each of them publishes.
    fn way_back(&self, start: usize) -> Option<Vec<(usize, Step)>> {
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
        let mut way = Vec::new();
        let mut at = start;
        loop {
            let (before, step) = from[at]?;
            way.push((before, step.clone()));
            at = before;
            if at == start {
                break;
            }
        }
        way.reverse();
        Some(way)
    }
}

/// What the config says that a subscription publishes.
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

/// The topic that requests to this endpoint are published on, where it is the
/// intake of the same bridge.
fn own_topic(config: &Config, endpoint: &Endpoint) -> Option<String> {
    let (intake, url) = (config.intake.address, &endpoint.url);
    if endpoint.handler.is_some() || url.port_u16() != Some(intake.port()) {
        return None;
    }
    let host = url.host()?.trim_matches(['[', ']']);
    let is_here = match host.parse::<std::net::IpAddr>() {
        Ok(ip) => ip == intake.ip() || ip.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    };
    let topic = url.path().strip_prefix("/topics/")?;
    (is_here && check_topic(topic).is_ok()).then(|| topic.to_owned())
}

/// The subscriptions that take what is published there.
fn takers(config: &Config, asked: &AskedTopics, connection: &str, topic: &str) -> Vec<usize> {
    let takes = |one: &Subscription| {
        let topics = one.topics.as_ref().or_else(|| asked.get(&one.name));
        let mut topics = topics.into_iter().flatten();
        topics.any(|pattern| pattern.matches(topic)) && is_same(config, connection, &one.from)
    };
    let all = config.subscriptions.iter().enumerate();
    all.filter_map(|(n, one)| takes(one).then_some(n)).collect()
}

/// Whether two connections lead to the same topics: what is published on core
/// NATS is taken by the streams of that server, and the other way round.
fn is_same(config: &Config, one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let places = |name: &str| {
        let connection = config.connections.get(name);
        connection.map_or(Vec::new(), |it| it.settings().places())
    };
    let others = places(other);
    places(one).iter().any(|place| others.contains(place))
}
