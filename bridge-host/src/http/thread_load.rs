//! Measures whether a client's thread is busy. If it is not, an exchange is best carried out at
//! once. If it is, its steps are better done together with the steps of other exchanges: this keeps
//! code in the CPU's caches, and wakes the endpoint once for many requests.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;

/// How many requests pass between two measurements.
const REQUESTS_PER_MEASUREMENT: u32 = 64;

/// The shortest period over which the load is measured, since requests arrive in bursts.
const WINDOW: Duration = Duration::from_millis(50);

/// The share of time that the thread worked, above which it counts as busy.
const BUSY: f32 = 0.9;

/// The load of one client's thread, as its runtime measures it.
pub(super) struct ThreadLoad(Mutex<State>);

struct State {
    requests: u32,
    is_busy: bool,
    measured_at: Instant,
    /// For how long the runtime had worked at that time.
    busy: Duration,
}

impl Default for ThreadLoad {
    fn default() -> Self {
        Self(Mutex::new(State {
            requests: 0,
            is_busy: false,
            measured_at: Instant::now(),
            busy: Duration::ZERO,
        }))
    }
}

impl ThreadLoad {
    /// Returns whether the thread was busy recently.
    pub fn is_busy(&self) -> bool {
        let mut state = self.0.lock();
        state.requests = (state.requests + 1) % REQUESTS_PER_MEASUREMENT;
        if state.requests == 0
            && let Ok(runtime) = Handle::try_current()
        {
            let busy = runtime.metrics().worker_total_busy_duration(0);
            state.measure(Instant::now(), busy);
        }
        state.is_busy
    }
}

impl State {
    /// Updates the load. `busy` is for how long the runtime has worked until `now`.
    fn measure(&mut self, now: Instant, busy: Duration) {
        let (passed, worked) = (now - self.measured_at, busy.saturating_sub(self.busy));
        if passed < WINDOW {
            return;
        }
        self.is_busy = worked > passed.mul_f32(BUSY);
        (self.measured_at, self.busy) = (now, busy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_worked_most_of_the_time_is_busy() {
        let load = ThreadLoad::default();
        let mut state = load.0.lock();
        let (mut now, mut busy) = (state.measured_at, Duration::ZERO);
        for (passed, worked, expected) in [
            (100, 80, false),
            (100, 95, true),
            // The period is too short to measure.
            (10, 0, true),
            (90, 80, false),
            (60, 60, true),
            (60, 0, false),
        ] {
            now += Duration::from_millis(passed);
            busy += Duration::from_millis(worked);
            state.measure(now, busy);
            assert_eq!(state.is_busy, expected, "{passed} {worked}");
        }
    }
}
