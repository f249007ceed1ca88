//! Keeps the log readable while many messages fail. It logs the first lines of a
//! kind, then a count at intervals, then a line that says that the failures
//! ended.

use std::convert::Infallible;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// How many lines in a row are logged in full.
const FULL_LINES: u64 = 10;

/// The time between two counts. After an interval without a line, the failures
/// have ended.
pub(super) const COUNT_INTERVAL: Duration = Duration::from_secs(30);

/// Throttles the lines of one kind about one subscription.
#[derive(Default)]
pub(in crate::delivery) struct LogThrottle {
    state: Mutex<State>,
    began: Notify,
}

#[derive(Default)]
struct State {
    /// When the first line came; `None` while no lines come.
    since: Option<Instant>,
    /// The lines since then.
    total: u64,
    /// The lines since the last count, and how many of them were logged.
    recent: u64,
    logged: u64,
}

/// A count that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThrottleCount {
    /// The lines go on: `recent` came since the last count.
    Ongoing { recent: u64, total: u64 },
    /// No line came since the last count.
    Ended { total: u64, lasted: Duration },
}

impl LogThrottle {
    /// Returns whether the next line is logged in full: the first lines, and one
    /// sample after each count.
    pub(super) fn allows_line(&self) -> bool {
        let mut state = self.state.lock();
        if state.since.is_none() {
            state.since = Some(Instant::now());
            self.began.notify_one();
        }
        state.total += 1;
        state.recent += 1;
        let allowed = state.total <= FULL_LINES || state.recent == 1;
        state.logged += u64::from(allowed);
        allowed
    }

    /// Reports the counts when they are due.
    pub(super) async fn report_counts(&self, report: impl Fn(ThrottleCount)) -> Infallible {
        loop {
            self.began.notified().await;
            while self.state.lock().since.is_some() {
                sleep(COUNT_INTERVAL).await;
                self.take_count().map(&report);
            }
        }
    }

    /// Takes the count of the lines that were not logged in full.
    pub(super) fn take_count(&self) -> Option<ThrottleCount> {
        let mut state = self.state.lock();
        let since = state.since?;
        let (recent, logged) = (state.recent, state.logged);
        (state.recent, state.logged) = (0, 0);
        let total = state.total;
        if recent > 0 {
            return (recent > logged).then_some(ThrottleCount::Ongoing { recent, total });
        }
        *state = State::default();
        let lasted = since.elapsed().saturating_sub(COUNT_INTERVAL);
        (total > FULL_LINES).then_some(ThrottleCount::Ended { total, lasted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn first_lines_then_counts_then_an_end() {
        let throttle = LogThrottle::default();
        let logged = |count: u32| (0..count).filter(|_| throttle.allows_line()).count();
        assert_eq!(logged(1000), 10);
        tokio::time::advance(COUNT_INTERVAL).await;
        let more = |recent, total| Some(ThrottleCount::Ongoing { recent, total });
        assert_eq!(throttle.take_count(), more(1000, 1000));
        assert_eq!(logged(500), 1);
        tokio::time::advance(COUNT_INTERVAL).await;
        assert_eq!(throttle.take_count(), more(500, 1500));
        tokio::time::advance(COUNT_INTERVAL).await;
        let over = ThrottleCount::Ended {
            total: 1500,
            lasted: 2 * COUNT_INTERVAL,
        };
        assert_eq!(throttle.take_count(), Some(over));
        assert_eq!(
            (throttle.take_count(), logged(11)),
            (None, 10),
            "the next lines begin a new count"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_lines_need_no_count() {
        let throttle = LogThrottle::default();
        assert!(throttle.allows_line());
        assert_eq!(throttle.take_count(), None);
        assert!(throttle.allows_line());
        assert_eq!(throttle.take_count(), None);
        assert_eq!((throttle.take_count(), throttle.take_count()), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn counts_are_reported_until_the_lines_end() {
        let (throttle, counts) = (LogThrottle::default(), Mutex::new(Vec::new()));
        let watch = throttle.report_counts(|count| counts.lock().push(count));
        // Lines must not come in the moment in which the counter looks.
        let pause = COUNT_INTERVAL - Duration::from_secs(1);
        let messages = async {
            for _ in 0..3 {
                (0..100).for_each(|_| _ = throttle.allows_line());
                sleep(pause).await;
            }
            sleep(10 * COUNT_INTERVAL).await;
        };
        tokio::select! {
            never = watch => match never {},
            () = messages => {}
        }
        let counts = counts.into_inner();
        assert!(matches!(
            counts[..],
            [
                ThrottleCount::Ongoing { .. },
                ..,
                ThrottleCount::Ended { total: 300, .. }
            ]
        ));
        assert!((3..=5).contains(&counts.len()), "{counts:?}");
    }
}
