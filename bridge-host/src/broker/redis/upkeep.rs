//! Maintains a group at intervals: trims old entries, removes the consumers of dead hosts, and tracks the group's progress.
//! `supply` fetches the group's messages.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use tokio::time::{Instant, interval_at};

use super::connect::Link;
use super::entry::{list, named, number, text};
use super::entry_id::EntryId;
use super::group::{CONSUMER, Group};
use super::scripts::tidy;
use crate::broker::BrokerError;

/// The interval between two rounds.
const EVERY: Duration = Duration::from_secs(10);
/// A consumer without pending entries that was idle for this long belongs to a dead host.
const DEAD: Duration = Duration::from_secs(300);

/// Maintains one group.
pub(super) struct Upkeep<'a> {
    pub(super) link: &'a Arc<Link>,
    pub(super) group: &'a Arc<Group>,
    pub(super) max_age: Option<Duration>,
}

impl Upkeep<'_> {
    /// Runs a round at each interval.
    pub(super) async fn run(&self) -> Infallible {
        let mut every = interval_at(Instant::now() + EVERY, EVERY);
        let mut is_told = false;
        loop {
            every.tick().await;
            // The next round repeats what failed in this one.
            let Ok(is_behind) = self.round().await else {
                continue;
            };
            if is_behind && !is_told {
                tracing::warn!(
                    subscription = self.group.spec.name,
                    stream = self.group.keys.stream,
                    "messages were removed from the stream before they were delivered: `max_length` or `max_age` is too small, or \
                     someone trimmed the stream"
                );
            }
            is_told = is_behind;
        }
    }

    /// Runs one round. Returns whether entries were removed that the group had not delivered.
    async fn round(&self) -> Result<bool, BrokerError> {
        let (stream, name) = (&self.group.keys.stream, &self.group.spec.name);
        self.trim().await?;
        self.link.query(&tidy(stream, name, CONSUMER, DEAD)).await?;
        let Some(standing) = self.group.look(self.link).await? else {
            return Ok(false);
        };
        let mut info = cmd("XINFO");
        let stream = self.link.query(info.arg("STREAM").arg(stream)).await?;
        let removed = named(&stream, "max-deleted-entry-id");
        let removed = removed.and_then(|removed| EntryId::parse(&text(&removed)?));
        Ok(removed.is_some_and(|removed| removed > standing.last))
    }

    /// Removes entries that are too old by the server's clock.
    async fn trim(&self) -> Result<(), BrokerError> {
        let Some(max_age) = self.max_age else {
            return Ok(());
        };
        let time = list(self.link.query(&cmd("TIME")).await?);
        let Some(seconds) = time.first().and_then(number) else {
            return Ok(());
        };
        let oldest = EntryId {
            millis: (seconds * 1000).saturating_sub(max_age.as_millis() as u64),
            sequence: 0,
        };
        let mut trim = cmd("XTRIM");
        trim.arg(&self.group.keys.stream).arg("MINID").arg("~");
        self.link
            .query(trim.arg(oldest.to_string()))
            .await
            .map(drop)
    }
}
