//! A look now and then at what a subscription rests on: whether someone changed
//! its consumer, and how full its stream is.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::api::Api;
use super::consumer;
use super::group::Group;
use super::located::Located;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(30);

/// What is looked at.
pub(super) struct Watched<'a> {
    pub(super) api: &'a Api,
    pub(super) group: &'a Group,
    /// Told where the consumer is not as it was.
    pub(super) anew: &'a Notify,
}

impl Watched<'_> {
    /// Looks again and again.
    pub(super) async fn look(&self) -> Infallible {
        loop {
            if let Some(located) = self.group.presence.located() {
                self.look_at(&located).await;
                self.api
                    .fullness
                    .look(&self.api.context(), &located.stream.name)
                    .await;
            }
            sleep(EVERY).await;
        }
    }

    async fn look_at(&self, located: &Arc<Located>) {
        // What is not told now is asked for again.
        let Ok(now) = consumer::look(&self.api.context(), located).await else {
            return;
        };
        let Some((now, standing)) = now else {
            self.group
                .presence
                .lost(format!("the consumer {} was deleted", located.name));
            self.anew.notify_one();
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
            self.anew.notify_one();
        }
        let kept = if is_same {
            Arc::clone(located)
        } else {
            Arc::new(now)
        };
        self.group.found(kept, standing);
    }
}
