//! The clock that measures waits. It never goes back while the process runs, because a system clock
//! that is set back would prolong waits, or stop an ordered subscription. When the system clock is
//! set forward, this clock follows.
//!
//! `clock_correction` corrects due times after a restart.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

static CLOCK: LazyLock<Mutex<Clock>> = LazyLock::new(|| {
    Mutex::new(Clock {
        wall: wall_ms(),
        at: Instant::now(),
    })
});

/// A time of the system clock, and the instant when it was read.
struct Clock {
    wall: i64,
    at: Instant,
}

impl Clock {
    fn now(&mut self, wall: i64, at: Instant) -> i64 {
        let gone = millis(at.saturating_duration_since(self.at));
        let expected = self.wall.saturating_add(gone);
        if wall > expected {
            *self = Self { wall, at };
        }
        wall.max(expected)
    }
}

/// Returns the milliseconds since 1970. The result never decreases within this process.
pub(super) fn now_ms() -> i64 {
    let mut clock = CLOCK.lock();
    clock.now(wall_ms(), Instant::now())
}

/// Returns the milliseconds since 1970 by the system clock, for display; 0 for earlier times.
pub(super) fn wall_ms() -> i64 {
    unix_ms(SystemTime::now())
}

/// Converts a time to the format of the database.
pub(super) fn unix_ms(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, millis)
}

/// Converts a duration to milliseconds, at most `i64::MAX`.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Converts a time from the format of the database.
pub(super) fn time(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut clock = Clock {
            wall: 1_000_000,
            at: begun,
        };
        assert_eq!(clock.now(1_001_000, at(1)), 1_001_000);
        // The system clock is set back by an hour: this clock continues.
        assert_eq!(clock.now(-2_598_000, at(2)), 1_002_000);
        assert_eq!(clock.now(-2_597_000, at(3)), 1_003_000);
        // The system clock is set forward by an hour: this clock follows.
        assert_eq!(clock.now(4_604_000, at(4)), 4_604_000);
        assert_eq!(clock.now(1_005_000, at(5)), 4_605_000);
    }

    #[test]
    fn times_and_durations_are_converted() {
        for ms in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(unix_ms(time(ms)), ms.max(0));
        }
        assert_eq!(unix_ms(UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(millis(Duration::MAX), i64::MAX);
    }
}
