//! Joins a subscription: writes or updates its row, and creates its membership.
//!
//! `start` writes the first deliveries of a new subscription.

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
    /// The group receives messages on topics that any of these patterns matches. Without topics, it
    /// receives only replayed and parked messages.
    pub topics: Vec<TopicPattern>,
    /// The kept messages that a new group receives.
    pub start: Start,
    /// Whether messages wait behind a message that waits for its retry.
    pub ordered: bool,
    /// The longest wait before a retry.
    pub longest_wait: Duration,
}

pub(super) struct JoinCommand {
    pub(super) spec: GroupSpec,
    pub(super) reply: oneshot::Sender<Result<Membership, StoreFailure>>,
}

/// Counts as one member of a feed until it is dropped.
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

/// Logs topics that the subscription no longer has.
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

/// Writes the subscription. A new subscription receives the kept messages that its `start` selects.
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

/// Limits due times to the longest wait. A clock that was ahead, or another policy, may have
/// written later ones.
fn clamp(conn: &Connection, sub: i64, spec: &GroupSpec) -> rusqlite::Result<()> {
    let latest = now_ms().saturating_add(millis(spec.longest_wait));
    conn.prepare_cached("UPDATE deliveries SET due = ?2 WHERE sub = ?1 AND due > ?2 AND due < ?3")?
        .execute([sub, latest, BLOCKED])?;
    Ok(())
}
