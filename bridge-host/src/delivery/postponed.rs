//! Attempts that do not count. Either this machine lacked file descriptors, ports
//! or memory, or the endpoint refused a stream before it processed the request.
//! The message keeps its permit and its lease, and the attempt is made again with
//! the same number.

use std::time::Duration;

use tokio::time::sleep;

use super::in_flight::InFlightGuard;
use super::lease::keep_lease_from_now;
use super::log::DeliveryLog;
use crate::broker::Receipt;
use crate::guest::{Outcome, Unprocessed};
use crate::trouble::TroubleGuard;

/// The first pause and the longest one. Pauses double in between.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How often an endpoint may refuse a message's attempt, which amounts to a
/// little more than 30 seconds of pauses. Afterwards, the attempt has failed.
const MAX_REFUSALS: u32 = 12;

/// The postponements of one message. While the machine lacks a resource, the
/// bridge is not ready.
#[derive(Default)]
pub(super) struct Postponement {
    postponed: u32,
    refusals: u32,
    held: Option<TroubleGuard>,
}

impl Postponement {
    /// Returns why the attempt must be postponed; `None` if it counts.
    pub(super) fn reason(&mut self, outcome: &Outcome) -> Option<Unprocessed> {
        let unprocessed = outcome.hindered()?;
        if unprocessed == Unprocessed::Refused {
            self.refusals += 1;
            return (self.refusals <= MAX_REFUSALS).then_some(unprocessed);
        }
        Some(unprocessed)
    }

    /// Waits before the attempt is made again, and extends the lease meanwhile.
    /// Returns `None` if the engine drains: the message must be given back.
    pub(super) async fn wait(
        &mut self,
        unprocessed: Unprocessed,
        in_flight: &InFlightGuard,
        receipt: &mut dyn Receipt,
        log: &DeliveryLog<'_>,
    ) -> Option<()> {
        let engine = in_flight.engine();
        in_flight.abandon_probe();
        // The new trouble begins before the old one ends, so that readiness does
        // not flap.
        self.held = match unprocessed {
            Unprocessed::Shortage(shortage) => Some(engine.delivery.troubles.hold(shortage)),
            Unprocessed::Refused => None,
        };
        let pause = pause(self.postponed, engine.jitter.next());
        self.postponed = self.postponed.saturating_add(1);
        log.attempt_postponed(unprocessed, pause);
        tokio::select! {
            biased;
            () = engine.wait_until_draining() => None,
            () = async { sleep(pause).await; in_flight.wait_for_admission().await } => Some(()),
            never = keep_lease_from_now(receipt, log) => match never {},
        }
    }
}

/// Returns the pause after `before` others: between half of it and the whole,
/// depending on `jitter`, from 0 to 1.
fn pause(before: u32, jitter: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << before.min(16));
    let half = doubled.min(LAST_PAUSE) / 2;
    half + half.mul_f64(jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Failure;
    use crate::trouble::Shortage;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let longest = [0, 1, 2, 5, 6, u32::MAX].map(|before| pause(before, 1.0).as_millis());
        assert_eq!(longest, [100, 200, 400, 3200, 5000, 5000]);
        assert_eq!(pause(0, 0.0), FIRST_PAUSE / 2);
    }

    #[test]
    fn refusals_are_bounded_and_a_lack_is_not() {
        let outcome = |unprocessed| Outcome {
            unprocessed: Some(unprocessed),
            ..Outcome::from(Failure::NoResponse)
        };
        let mut postponement = Postponement::default();
        let refused = outcome(Unprocessed::Refused);
        let accepted = (0..100)
            .filter(|_| postponement.reason(&refused).is_some())
            .count();
        assert_eq!(accepted, MAX_REFUSALS as usize);
        let lacking = outcome(Unprocessed::Shortage(Shortage::Ports));
        assert!((0..100).all(|_| postponement.reason(&lacking).is_some()));
    }
}
