//! A repeated event: the first is logged as a line, later ones as counts.
//! The caller chooses the text of the line.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// After a line, further events are only counted for this long.
const QUIET: Duration = Duration::from_secs(10);

/// Events of one kind: the first is logged at once, later ones at intervals, as
/// a count.
#[derive(Default)]
pub struct LogLimit(Mutex<State>);

#[derive(Default)]
struct State {
    untold: u64,
    told: Option<Instant>,
}

impl LogLimit {
    /// Counts one event, and calls `tell` with the number of events since the
    /// last line, unless that line is less than 10 s old.
    pub fn count(&self, tell: impl FnOnce(u64)) {
        if let Some(count) = self.counted(Instant::now()) {
            tell(count);
        }
    }

    fn counted(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock();
        state.untold += 1;
        if state.told.is_some_and(|told| now < told + QUIET) {
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_events_are_a_line_and_a_count() {
        let (limit, now) = (LogLimit::default(), Instant::now());
        assert_eq!(limit.counted(now), Some(1));
        for n in 1..1000 {
            assert_eq!(limit.counted(now + Duration::from_millis(n)), None);
        }
        assert_eq!(limit.counted(now + QUIET), Some(1000));
    }
}
