//! A subscription that fails to give its next message. It is asked again after a
//! pause; while this machine lacks what reading takes, the bridge is not ready.

use std::time::Duration;

use tokio::time::sleep;

use super::log;
use super::setup::Delivery;
use crate::broker::BrokerError;
use crate::trouble::{Shortage, TroubleGuard};

/// The pauses begin here, double, and end there.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// The failures since the last message.
#[derive(Default)]
pub(super) struct Failing {
    /// None so far.
    pause: Option<Duration>,
    held: Option<TroubleGuard>,
}

impl Failing {
    /// A message came.
    pub(super) fn over(&mut self) {
        if self.pause.is_some() {
            *self = Self::default();
        }
    }

    /// Waits until it is time to ask again. An error of a broker does not say
    /// whether descriptors have run out, so that is looked for.
    pub(super) async fn wait(&mut self, delivery: &Delivery, error: &BrokerError) {
        self.held = Shortage::now().map(|lack| delivery.troubles.hold(lack));
        let pause = self
            .pause
            .map_or(FIRST_PAUSE, |last| LAST_PAUSE.min(last * 2));
        self.pause = Some(pause);
        log::no_next(&delivery.name, error, pause);
        sleep(pause).await;
    }
}
