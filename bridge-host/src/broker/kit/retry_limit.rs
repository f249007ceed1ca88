//! How many messages of a subscription wait at the server for their retry.
//! Waiting messages count towards the server's limit of unacknowledged messages, which new messages
//! need, too. So they may use half of the limit that the messages in flight leave.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many messages may wait, and how many wait as far as this host knows. Without a limit
/// until one is set.
#[derive(Default)]
pub struct RetryLimit {
    state: Mutex<State>,
    /// Notified when a message is returned for a retry: the server's numbers are
    /// then worth reading again.
    pub used: Notify,
}

#[derive(Default)]
struct State {
    /// `None` where the server has no limit.
    room: Option<usize>,
    /// When the messages that this host returned for a retry are due.
    given: BinaryHeap<Reverse<Instant>>,
    /// How many messages of all hosts wait, as the server last reported.
    reported: usize,
}

impl RetryLimit {
    /// Sets how many messages may be unacknowledged at the server, and how many of
    /// these can be in flight or fetched here.
    pub fn set(&self, most: Option<usize>, in_flight: usize) {
        let room = most.map(|most| most.saturating_sub(in_flight) / 2);
        self.state.lock().room = room;
    }

    /// Returns whether no more messages may wait at the server.
    pub fn is_full(&self) -> bool {
        self.used.notify_one();
        let mut state = self.state.lock();
        let Some(room) = state.room else {
            return false;
        };
        let now = Instant::now();
        while state.given.peek().is_some_and(|due| due.0 <= now) {
            state.given.pop();
        }
        state.given.len().max(state.reported) >= room
    }

    /// Counts a message that waits for this long.
    pub fn wait(&self, after: Duration) {
        let mut state = self.state.lock();
        if let (Some(_), Some(due)) = (state.room, Instant::now().checked_add(after)) {
            state.given.push(Reverse(due));
        }
    }

    /// Records the number of waiting messages of all hosts, as the server reports it.
    pub fn set_reported(&self, waiting: usize) {
        self.state.lock().reported = waiting;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn half_of_the_remaining_limit_may_wait() {
        let room = RetryLimit::default();
        assert!(!room.is_full(), "no limit is known");
        room.set(Some(10), 4);
        for _ in 0..3 {
            assert!(!room.is_full());
            room.wait(SECOND);
        }
        assert!(room.is_full());
        tokio::time::advance(SECOND).await;
        assert!(!room.is_full());
        room.set_reported(3);
        assert!(room.is_full(), "those of other hosts");
        room.set_reported(0);
        room.set(Some(4), 4);
        assert!(room.is_full(), "there is none left");
        room.set(None, 4);
        assert!(!room.is_full());
    }
}
