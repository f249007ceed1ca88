//! Pauses after a subscription failed to return its next message. While the
//! machine lacks a resource that fetching needs, the bridge is not ready.

use std::time::Duration;

use tokio::time::sleep;

use super::log;
use super::setup::Delivery;
use crate::broker::BrokerError;
use crate::trouble::{Shortage, TroubleGuard};

/// The first pause and the longest one. Pauses double in between.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// The failures since the last message.
#[derive(Default)]
pub(super) struct FetchFailures {
    /// The last pause; `None` before the first failure.
    pause: Option<Duration>,
    held: Option<TroubleGuard>,
}

impl FetchFailures {
    /// Forgets the failures, because a message arrived.
    pub(super) fn clear(&mut self) {
        if self.pause.is_some() {
            *self = Self::default();
        }
    }

    /// Waits until the next fetch is due. A broker's error does not say whether
    /// file descriptors have run out, so that is checked here.
    pub(super) async fn wait(&mut self, delivery: &Delivery, error: &BrokerError) {
        self.held = Shortage::now().map(|shortage| delivery.troubles.hold(shortage));
        let pause = self
            .pause
            .map_or(FIRST_PAUSE, |last| LAST_PAUSE.min(last * 2));
        self.pause = Some(pause);
        log::fetch_failed(&delivery.name, error, pause);
        sleep(pause).await;
    }
}
