//! Checks at intervals whether someone changed the consumer of a subscription, and how full its
//! stream is.
//!
//! `fullness` checks the stream.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::consumer;
use super::consumer_ref::ConsumerRef;
use super::group::Group;
use super::jetstream_api::JetStreamApi;

/// The interval between two checks.
const EVERY: Duration = Duration::from_secs(30);

/// The subjects of the checks.
pub(super) struct ConsumerWatch<'a> {
    pub(super) api: &'a JetStreamApi,
    pub(super) group: &'a Group,
    /// Notified when the consumer has changed.
    pub(super) restart: &'a Notify,
}

impl ConsumerWatch<'_> {
    /// Checks the consumer and the stream at each interval.
    pub(super) async fn check(&self) -> Infallible {
        loop {
            if let Some(located) = self.group.presence.located() {
                self.check_consumer(&located).await;
                self.api
                    .fullness
                    .check(&self.api.context(), &located.stream.name)
                    .await;
            }
            sleep(EVERY).await;
        }
    }

    async fn check_consumer(&self, located: &Arc<ConsumerRef>) {
        // After an error, the next check tries again.
        let Ok(now) = consumer::inspect(&self.api.context(), located).await else {
            return;
        };
        let Some((now, standing)) = now else {
            self.group
                .presence
                .lost(format!("the consumer {} was deleted", located.name));
            self.restart.notify_one();
            return;
        };
        let changes = located.changes(&now);
        let is_same = changes.is_empty();
        if !is_same {
            tracing::warn!(
                subscription = self.group.spec.name,
                stream = now.stream.name,
                consumer = now.name,
                "someone changed the consumer, and the bridge now uses the new settings: {}",
                changes.join("; ")
            );
            self.restart.notify_one();
        }
        let kept = if is_same {
            Arc::clone(located)
        } else {
            Arc::new(now)
        };
        self.group.record_consumer(kept, standing);
    }
}
