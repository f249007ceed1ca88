//! Where a new subscription begins: which kept messages become its deliveries.
//!
//! `join` writes the subscription.

use std::collections::HashMap;

use rusqlite::Connection;

use super::subscription_route::SubscriptionRoute;
use crate::schema::Words;

/// The kept messages that a new subscription receives. A subscription that the broker knows
/// continues at its position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// All kept messages.
    #[default]
    All,
    /// None: it begins with the next published message.
    New,
    /// The last message on its topics.
    Last,
    /// The last message on each of its topics.
    LastPerTopic,
}

impl Start {
    /// All choices, with their names in a config.
    pub const CHOICES: [(&'static str, Self); 4] = [
        ("all", Self::All),
        ("new", Self::New),
        ("last", Self::Last),
        ("last_per_topic", Self::LastPerTopic),
    ];

    /// Returns the name in a config.
    pub fn as_str(self) -> &'static str {
        let named = Self::CHOICES.iter().find(|(_, start)| *start == self);
        named.map_or("all", |(name, _)| name)
    }
}

impl Words for Start {
    const WORDS: &'static [(&'static str, Self)] = &Self::CHOICES;
}

/// Inserts the first deliveries of a new subscription.
pub(super) fn begin(
    conn: &Connection,
    route: &SubscriptionRoute,
    start: Start,
) -> rusqlite::Result<()> {
    let accepted = match start {
        Start::New => return Ok(()),
        Start::All => insert_all(conn, route)?,
        Start::Last | Start::LastPerTopic => insert(conn, route.sub, &last(conn, route, start)?)?,
    };
    conn.execute(
        "UPDATE subscriptions SET accepted = ?2 WHERE sub = ?1",
        [route.sub, accepted],
    )?;
    if accepted > 0 {
        tracing::info!(
            subscription = route.name,
            start = start.as_str(),
            messages = accepted,
            "a new subscription receives messages that were published before: set `start = \"new\"` to leave them out"
        );
    }
    Ok(())
}

const INSERT: &str = "INSERT INTO deliveries (sub, seq, attempts, due) VALUES (?1, ?2, 0, 0)";

fn insert_all(conn: &Connection, route: &SubscriptionRoute) -> rusqlite::Result<i64> {
    let mut select = conn.prepare("SELECT seq, topic FROM messages ORDER BY seq")?;
    let mut insert = conn.prepare(INSERT)?;
    let mut rows = select.query([])?;
    let mut accepted = 0;
    while let Some(row) = rows.next()? {
        if route.matches(row.get_ref(1)?.as_str()?) {
            insert.execute([route.sub, row.get(0)?])?;
            accepted += 1;
        }
    }
    Ok(accepted)
}

/// Returns the last message, or the last message of each topic, in the order of publication.
fn last(conn: &Connection, route: &SubscriptionRoute, start: Start) -> rusqlite::Result<Vec<i64>> {
    let mut select = conn.prepare("SELECT seq, topic FROM messages ORDER BY seq DESC")?;
    let mut rows = select.query([])?;
    let mut last = HashMap::new();
    while let Some(row) = rows.next()? {
        let topic = row.get_ref(1)?.as_str()?;
        if !last.contains_key(topic) && route.matches(topic) {
            last.insert(topic.to_owned(), row.get(0)?);
            if start == Start::Last {
                break;
            }
        }
    }
    let mut last: Vec<_> = last.into_values().collect();
    last.sort_unstable();
    Ok(last)
}

fn insert(conn: &Connection, sub: i64, all: &[i64]) -> rusqlite::Result<i64> {
    let mut insert = conn.prepare(INSERT)?;
    for seq in all {
        insert.execute([sub, *seq])?;
    }
    Ok(all.len() as i64)
}
