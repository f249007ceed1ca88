//! Maintains a group at intervals: trims old entries, removes the consumers of dead hosts, and tracks the group's progress.
//! `supply` fetches the group's messages.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use tokio::time::{Instant, interval_at};

use super::client::ReconnectingClient;
use super::entry::{list, number};
use super::entry_id::EntryId;
use super::group::{CONSUMER, Group};
use super::scripts::remove_consumers;
use crate::broker::BrokerError;

/// The interval between two rounds.
const EVERY: Duration = Duration::from_secs(10);
/// A consumer without pending entries that was idle for this long belongs to a dead host.
const DEAD: Duration = Duration::from_secs(300);

/// Maintains one group.
pub(super) struct Upkeep<'a> {
    pub(super) client: &'a Arc<ReconnectingClient>,
    pub(super) group: &'a Arc<Group>,
    pub(super) max_age: Option<Duration>,
}

impl Upkeep<'_> {
    /// Runs a round at each interval.
    pub(super) async fn run(&self) -> Infallible {
        let mut every = interval_at(Instant::now() + EVERY, EVERY);
        loop {
            every.tick().await;
            // The next round repeats what failed in this one.
            let _ = self.round().await;
        }
    }

    async fn round(&self) -> Result<(), BrokerError> {
        let (stream, name) = (&self.group.keys.stream, &self.group.spec.name);
        self.trim().await?;
        let remove = remove_consumers(stream, name, CONSUMER, DEAD);
        self.client.query(&remove).await?;
        self.group.check(self.client).await
    }

    /// Removes entries that are too old by the server's clock.
    async fn trim(&self) -> Result<(), BrokerError> {
        let Some(max_age) = self.max_age else {
            return Ok(());
        };
        let time = list(self.client.query(&cmd("TIME")).await?);
        let Some(seconds) = time.first().and_then(number) else {
            return Ok(());
        };
        let oldest = EntryId {
            millis: (seconds * 1000).saturating_sub(max_age.as_millis() as u64),
            sequence: 0,
        };
        let mut trim = cmd("XTRIM");
        trim.arg(&self.group.keys.stream).arg("MINID").arg("~");
        self.client
            .query(trim.arg(oldest.to_string()))
            .await
            .map(drop)
    }
}
