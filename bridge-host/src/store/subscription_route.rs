//! The subscriptions in the store, and which topics each receives.
//!
//! `join` writes them.

use std::sync::Arc;

use rusqlite::Connection;

use super::error::StoreFailure;
use super::feed::Feed;
use crate::message::TopicPattern;

/// A subscription with its topics. Subscriptions without a member in this process are included,
/// because messages are kept for them.
pub(super) struct SubscriptionRoute {
    pub(super) sub: i64,
    pub(super) name: String,
    pub(super) topics: Vec<TopicPattern>,
    pub(super) ordered: bool,
    pub(super) feed: Option<Arc<Feed>>,
}

impl SubscriptionRoute {
    pub(super) fn matches(&self, topic: &str) -> bool {
        self.topics.iter().any(|pattern| pattern.matches(topic))
    }

    pub(super) fn into_topics(self) -> (String, Vec<TopicPattern>) {
        (self.name, self.topics)
    }

    /// Returns an error if a member has other topics or another order.
    pub(super) fn check(&self, topics: &[TopicPattern], ordered: bool) -> Result<(), StoreFailure> {
        let joined = self.feed.as_ref().is_some_and(|feed| feed.has_members());
        if joined && (self.topics != topics || self.ordered != ordered) {
            return Err(StoreFailure::OpenAlready(self.name.clone()));
        }
        Ok(())
    }
}

/// Reads all subscriptions.
pub(super) fn routes(conn: &Connection) -> rusqlite::Result<Vec<SubscriptionRoute>> {
    let mut select = conn.prepare_cached("SELECT sub, name, topics, ordered FROM subscriptions")?;
    let routes = select.query_map([], |row| {
        let topics: String = row.get(2)?;
        Ok(SubscriptionRoute {
            sub: row.get(0)?,
            name: row.get(1)?,
            topics: patterns(&topics),
            ordered: row.get(3)?,
            feed: None,
        })
    })?;
    routes.collect()
}

/// Parses stored topics. Only valid patterns are written, so an invalid one is ignored.
pub(super) fn patterns(json: &str) -> Vec<TopicPattern> {
    let topics: Vec<String> = serde_json::from_str(json).unwrap_or_default();
    let topics = topics.iter();
    topics
        .filter_map(|text| TopicPattern::parse(text).ok())
        .collect()
}

/// Removes subscriptions that another process has removed.
pub(super) fn reload(
    conn: &Connection,
    known: &mut Vec<SubscriptionRoute>,
) -> rusqlite::Result<()> {
    let there = routes(conn)?;
    known.retain(|route| {
        let stays = there.iter().any(|other| other.sub == route.sub);
        if !stays && route.feed.as_ref().is_some_and(|feed| feed.has_members()) {
            tracing::warn!(
                subscription = route.name,
                "another process removed this subscription: it receives no more messages, and begins again at the next start"
            );
        }
        stays
    });
    Ok(())
}
