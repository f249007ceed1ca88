//! The subscriptions that the store knows, as publishing matches messages with them.
//! `join` writes them.

use std::sync::Arc;

use rusqlite::Connection;

use super::error::StoreFailure;
use super::feed::Feed;
use crate::message::TopicPattern;

/// A subscription, as publishing needs to know it. Those that nobody joined in
/// this process are here too: their messages wait for them.
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

    /// Two members of one subscription have to agree on what it is.
    pub(super) fn check(&self, topics: &[TopicPattern], ordered: bool) -> Result<(), StoreFailure> {
        let joined = self.feed.as_ref().is_some_and(|feed| feed.has_members());
        if joined && (self.topics != topics || self.ordered != ordered) {
            return Err(StoreFailure::OpenAlready(self.name.clone()));
        }
        Ok(())
    }
}

/// All subscriptions there are.
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

/// Topics as they are kept. What is no pattern matches nothing: only patterns
/// were written.
pub(super) fn patterns(json: &str) -> Vec<TopicPattern> {
    let topics: Vec<String> = serde_json::from_str(json).unwrap_or_default();
    let topics = topics.iter();
    topics
        .filter_map(|text| TopicPattern::parse(text).ok())
        .collect()
}

/// Leaves out those that another process removed.
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
                "forgotten by another process while it runs: nothing comes to it any more; at the next start it begins anew"
            );
        }
        stays
    });
    Ok(())
}
