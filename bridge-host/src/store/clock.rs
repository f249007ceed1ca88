//! The time that waits are measured by. Set back while the process runs, the
//! system's clock would stretch them, or stop an ordered subscription: this one
//! goes on. Set forward, it follows.

use parking_lot::Mutex;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static CLOCK: LazyLock<Mutex<Clock>> = LazyLock::new(|| {
    Mutex::new(Clock {
        wall: wall_ms(),
        at: Instant::now(),
    })
});

/// What the system's clock showed, and when.
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

/// Milliseconds since 1970: never less than before, in this process.
pub(super) fn now_ms() -> i64 {
    let mut clock = CLOCK.lock();
    clock.now(wall_ms(), Instant::now())
}

/// What the system's clock shows, for people: milliseconds since 1970, 0 before.
pub(super) fn wall_ms() -> i64 {
    unix_ms(SystemTime::now())
}

/// A time as it is kept.
pub(super) fn unix_ms(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, millis)
}

/// A duration as it is kept; one too long for that is as long as can be.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A time that was kept.
pub(super) fn time(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut clock = Clock {
            wall: 1_000_000,
            at: begun,
        };
        assert_eq!(clock.now(1_001_000, at(1)), 1_001_000);
        // An hour back: it goes on.
        assert_eq!(clock.now(-2_598_000, at(2)), 1_002_000);
        assert_eq!(clock.now(-2_597_000, at(3)), 1_003_000);
        // An hour forward: it follows, and stays there.
        assert_eq!(clock.now(4_604_000, at(4)), 4_604_000);
        assert_eq!(clock.now(1_005_000, at(5)), 4_605_000);
    }

    #[test]
    fn what_is_kept_is_a_time() {
        for ms in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(unix_ms(time(ms)), ms.max(0));
        }
        assert_eq!(unix_ms(UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(millis(Duration::MAX), i64::MAX);
    }
}
