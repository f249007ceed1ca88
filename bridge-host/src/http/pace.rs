//! Whether a client's thread has time to spare. If so, an exchange is best
//! carried out at once. If not, its steps are better taken along with those of
//! the others, each kind of step for all of them: that keeps code in the caches,
//! and wakes the endpoint once for many requests.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// It is looked at once in so many requests.
const EVERY: u32 = 64;

/// Over so long a time at least, as requests come in bursts.
const WINDOW: Duration = Duration::from_millis(50);

/// With more than this part of it worked, hardly any is left.
const BUSY: f32 = 0.9;

/// The pace of one client, told by its own runtime.
pub(super) struct Pace(Mutex<State>);

struct State {
    asked: u32,
    is_busy: bool,
    seen: Instant,
    /// For how long the runtime had been busy by then.
    busy: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(State {
            asked: 0,
            is_busy: false,
            seen: Instant::now(),
            busy: Duration::ZERO,
        }))
    }
}

impl Pace {
    /// Whether hardly any time was left of late.
    pub fn is_busy(&self) -> bool {
        let mut state = self.0.lock();
        state.asked = (state.asked + 1) % EVERY;
        if state.asked == 0
            && let Ok(runtime) = Handle::try_current()
        {
            let busy = runtime.metrics().worker_total_busy_duration(0);
            state.look(Instant::now(), busy);
        }
        state.is_busy
    }
}

impl State {
    /// The runtime has been busy for so long by now.
    fn look(&mut self, now: Instant, busy: Duration) {
        let (passed, worked) = (now - self.seen, busy.saturating_sub(self.busy));
        if passed < WINDOW {
            return;
        }
        self.is_busy = worked > passed.mul_f32(BUSY);
        (self.seen, self.busy) = (now, busy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_what_has_hardly_any_time_left() {
        let pace = Pace::default();
        let mut state = pace.0.lock();
        let (mut now, mut busy) = (state.seen, Duration::ZERO);
        for (passed, worked, expected) in [
            (100, 80, false),
            (100, 95, true),
            // Too short a time to tell.
            (10, 0, true),
            (90, 80, false),
            (60, 60, true),
            (60, 0, false),
        ] {
            now += Duration::from_millis(passed);
            busy += Duration::from_millis(worked);
            state.look(now, busy);
            assert_eq!(state.is_busy, expected, "{passed} {worked}");
        }
    }
}
