//! Keeps the log readable while many messages fail: it has the first lines of a
//! kind, then a count at intervals, then a line that says that it is over.

use parking_lot::{Mutex, MutexGuard};
use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// How many lines in a row are logged in full.
const FIRST: u64 = 10;

/// The time between two counts; after this time without another line it is over.
pub(super) const EVERY: Duration = Duration::from_secs(30);

/// The lines of one kind about one subscription.
#[derive(Default)]
pub(in crate::delivery) struct Storm {
    state: Mutex<State>,
    began: Notify,
}

#[derive(Default)]
struct State {
    /// The first of them, while they come.
    since: Option<Instant>,
    /// All since then.
    total: u64,
    /// Those since the last count, and how many of them were told.
    recent: u64,
    told: u64,
}

/// What there is to tell after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// They go on: so many since the last count.
    More { recent: u64, total: u64 },
    /// There were none since the last count.
    Over { total: u64, lasted: Duration },
}

impl Storm {
    /// Returns whether the next line is logged in full: the first lines are, and
    /// after each count one as a sample.
    pub(super) fn tells(&self) -> bool {
        let mut state = self.lock();
        if state.since.is_none() {
            state.since = Some(Instant::now());
            self.began.notify_one();
        }
        state.total += 1;
        state.recent += 1;
        let tells = state.total <= FIRST || state.recent == 1;
        state.told += u64::from(tells);
        tells
    }

    /// Has the counts told that are due.
    pub(super) async fn watch(&self, tell: impl Fn(Count)) -> Infallible {
        loop {
            self.began.notified().await;
            while self.lock().since.is_some() {
                sleep(EVERY).await;
                self.count().map(&tell);
            }
        }
    }

    /// What was not told whole since the last time.
    pub(super) fn count(&self) -> Option<Count> {
        let mut state = self.lock();
        let since = state.since?;
        let (recent, told) = (state.recent, state.told);
        (state.recent, state.told) = (0, 0);
        let total = state.total;
        if recent > 0 {
            return (recent > told).then_some(Count::More { recent, total });
        }
        *state = State::default();
        let lasted = since.elapsed().saturating_sub(EVERY);
        (total > FIRST).then_some(Count::Over { total, lasted })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_a_count_and_the_end() {
        let storm = Storm::default();
        let told = |count: u32| (0..count).filter(|_| storm.tells()).count();
        assert_eq!(told(1000), 10);
        tokio::time::advance(EVERY).await;
        let more = |recent, total| Some(Count::More { recent, total });
        assert_eq!(storm.count(), more(1000, 1000));
        assert_eq!(told(500), 1);
        tokio::time::advance(EVERY).await;
        assert_eq!(storm.count(), more(500, 1500));
        tokio::time::advance(EVERY).await;
        let over = Count::Over {
            total: 1500,
            lasted: 2 * EVERY,
        };
        assert_eq!(storm.count(), Some(over));
        assert_eq!((storm.count(), told(11)), (None, 10), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_need_no_count() {
        let storm = Storm::default();
        assert!(storm.tells());
        assert_eq!(storm.count(), None);
        assert!(storm.tells());
        assert_eq!(storm.count(), None);
        assert_eq!((storm.count(), storm.count()), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_watches_tells_of_each() {
        let (storm, counts) = (Storm::default(), Mutex::new(Vec::new()));
        let watch = storm.watch(|count| counts.lock().push(count));
        // Not at the very moment at which the watcher looks.
        let pause = EVERY - Duration::from_secs(1);
        let messages = async {
            for _ in 0..3 {
                (0..100).for_each(|_| _ = storm.tells());
                sleep(pause).await;
            }
            sleep(10 * EVERY).await;
        };
        tokio::select! {
            never = watch => match never {},
            () = messages => {}
        }
        let counts = counts.into_inner();
        assert!(matches!(
            counts[..],
            [Count::More { .. }, .., Count::Over { total: 300, .. }]
        ));
        assert!((3..=5).contains(&counts.len()), "{counts:?}");
    }
}
