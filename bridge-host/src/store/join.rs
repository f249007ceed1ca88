//! Joining a subscription: its row, made or found, and its place in memory.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::blocked_keys::BLOCKED;
use super::clock::{millis, now_ms};
use super::error::StoreFailure;
use super::feed::Feed;
use super::start::{self, Start};
use super::subscription_route::{SubscriptionRoute, patterns};
use crate::message::TopicPattern;

/// A group of subscribers that share the messages on some topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// The name of the subscription.
    pub name: String,
    /// Messages on a topic that any of these selects are delivered to it. Without
    /// topics it gets replayed and parked messages alone.
    pub topics: Vec<TopicPattern>,
    /// Which of the messages that are kept a new group gets.
    pub start: Start,
    /// Whether all messages behind one that waits for its retry wait too.
    pub ordered: bool,
    /// The longest wait before a retry.
    pub longest_wait: Duration,
}

pub(super) struct JoinCommand {
    pub(super) spec: GroupSpec,
    pub(super) reply: oneshot::Sender<Result<Membership, StoreFailure>>,
}

/// Keeps a feed's count of members right.
pub(super) struct Membership(Arc<Feed>);

impl Membership {
    pub(super) fn new(feed: Arc<Feed>, ordered: bool) -> Self {
        feed.join(ordered);
        Self(feed)
    }

    pub(super) fn feed(&self) -> &Arc<Feed> {
        &self.0
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Tells of topics that a subscription had, and has no more.
fn warn_of_removed_topics(conn: &Connection, spec: &GroupSpec) -> rusqlite::Result<()> {
    let mut select = conn.prepare_cached("SELECT topics FROM subscriptions WHERE name = ?1")?;
    let before = select
        .query_row([&spec.name], |row| row.get(0))
        .optional()?;
    let before: String = before.unwrap_or_default();
    let gone = patterns(&before).into_iter();
    let gone = gone.filter(|topic| !spec.topics.contains(topic));
    let gone: Vec<_> = gone.map(|topic| topic.to_string()).collect();
    if !gone.is_empty() {
        tracing::warn!(
            subscription = spec.name,
            topics = gone.join(", "),
            "the subscription no longer takes these topics: their pending messages are still delivered"
        );
    }
    Ok(())
}

/// Writes the subscription. A new one gets those of the messages that are kept
/// which its `start` says.
pub(super) fn save(conn: &Connection, spec: &GroupSpec) -> rusqlite::Result<SubscriptionRoute> {
    let topics: Vec<&str> = spec.topics.iter().map(TopicPattern::as_str).collect();
    let topics = serde_json::to_string(&topics).expect("strings are always JSON");
    warn_of_removed_topics(conn, spec)?;
    let changed = conn.execute(
        "UPDATE subscriptions SET topics = ?2, ordered = ?3 WHERE name = ?1",
        params![spec.name, topics, spec.ordered],
    )?;
    if changed == 0 {
        conn.execute(
            "INSERT INTO subscriptions (name, topics, ordered) VALUES (?1, ?2, ?3)",
            params![spec.name, topics, spec.ordered],
        )?;
    }
    let sub = conn.query_row(
        "SELECT sub FROM subscriptions WHERE name = ?1",
        [&spec.name],
        |row| row.get(0),
    )?;
    let route = SubscriptionRoute {
        sub,
        name: spec.name.clone(),
        topics: spec.topics.clone(),
        ordered: spec.ordered,
        feed: None,
    };
    if changed == 0 {
        start::begin(conn, &route, spec.start)?;
    }
    clamp(conn, sub, spec)?;
    Ok(route)
}

/// Written by a clock that was ahead, or under another policy, a wait may end
/// later than any does.
fn clamp(conn: &Connection, sub: i64, spec: &GroupSpec) -> rusqlite::Result<()> {
    let latest = now_ms().saturating_add(millis(spec.longest_wait));
    conn.prepare_cached("UPDATE deliveries SET due = ?2 WHERE sub = ?1 AND due > ?2 AND due < ?3")?
        .execute([sub, latest, BLOCKED])?;
    Ok(())
}
