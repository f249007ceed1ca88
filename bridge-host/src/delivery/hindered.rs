//! Attempts that do not count: this machine lacked descriptors, ports or memory,
//! or the endpoint refused a stream before it processed the request. The message
//! keeps its permit and its lease, and the attempt is made again with the same
//! number.

use std::time::Duration;

use tokio::time::sleep;

use super::in_flight::InFlight;
use super::lease::keep_from_now;
use super::log::Story;
use crate::broker::Receipt;
use crate::guest::{Outcome, Unprocessed};
use crate::trouble::TroubleGuard;

/// The pauses begin here, double, and end there.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How often an endpoint may refuse an attempt, which takes a little more than
/// half a minute of pauses; after that, the attempt has failed.
const MOST_REFUSALS: u32 = 12;

/// What keeps one message from its attempt. While this machine does, the bridge
/// is not ready.
#[derive(Default)]
pub(super) struct Hindrance {
    tries: u32,
    refusals: u32,
    held: Option<TroubleGuard>,
}

impl Hindrance {
    /// What kept an attempt from being one, and may do so once more.
    pub(super) fn of(&mut self, outcome: &Outcome) -> Option<Unprocessed> {
        let unprocessed = outcome.hindered()?;
        if unprocessed == Unprocessed::Refused {
            self.refusals += 1;
            return (self.refusals <= MOST_REFUSALS).then_some(unprocessed);
        }
        Some(unprocessed)
    }

    /// Waits before the attempt is made again, and keeps the lease meanwhile.
    /// `None`: nothing begins any more, and the message is to be given back.
    pub(super) async fn wait(
        &mut self,
        unprocessed: Unprocessed,
        place: &InFlight,
        receipt: &mut dyn Receipt,
        story: &Story<'_>,
    ) -> Option<()> {
        let engine = place.engine();
        place.stand_back();
        // The new one first, so that the trouble does not end between the two.
        self.held = match unprocessed {
            Unprocessed::Shortage(lack) => Some(engine.delivery.troubles.hold(lack)),
            Unprocessed::Refused => None,
        };
        let pause = pause(self.tries, engine.jitter.next());
        self.tries = self.tries.saturating_add(1);
        story.hindered(unprocessed, pause);
        tokio::select! {
            biased;
            () = engine.draining() => None,
            () = async { sleep(pause).await; place.pass_again().await } => Some(()),
            never = keep_from_now(receipt, story) => match never {},
        }
    }
}

/// The pause after so many others: between a half and the whole of it, as
/// `jitter`, from 0 to 1, has it.
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
    fn refusals_have_an_end_and_a_lack_has_none() {
        let outcome = |unprocessed| Outcome {
            unprocessed: Some(unprocessed),
            ..Outcome::from(Failure::NoResponse)
        };
        let mut hindrance = Hindrance::default();
        let refused = outcome(Unprocessed::Refused);
        let borne = (0..100)
            .filter(|_| hindrance.of(&refused).is_some())
            .count();
        assert_eq!(borne, MOST_REFUSALS as usize);
        let lacking = outcome(Unprocessed::Shortage(Shortage::Ports));
        assert!((0..100).all(|_| hindrance.of(&lacking).is_some()));
    }
}
