//! Messages that wait in memory for their next attempt, for brokers that do not keep them.
//! The queue is bounded in number and bytes, and is lost with the process. `delivery` decides how long a message waits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::broker::ReplyTo;
use crate::message::{Message, MessageId};

/// With this many messages waiting or in flight, or this many bytes waiting, the queue takes no more.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 128 << 20;

/// A message, with the state of its delivery.
#[derive(Clone)]
pub struct QueuedRetry {
    pub message: Arc<Message>,
    pub id: MessageId,
    pub attempt: u32,
    /// When its first attempt ended.
    pub first: Option<Instant>,
    pub published: SystemTime,
    pub reply_to: ReplyTo,
}

struct DueRetry {
    at: Instant,
    /// Keeps the order of messages that are due at the same time.
    number: u64,
    kept: QueuedRetry,
}

/// Compares only the time when a message is due, and its number.
impl PartialEq for DueRetry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for DueRetry {}

impl PartialOrd for DueRetry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DueRetry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[derive(Default)]
struct State {
    waiting: BinaryHeap<Reverse<DueRetry>>,
    numbers: u64,
    in_flight: usize,
    /// The bytes of the waiting messages.
    bytes: usize,
}

/// The waiting messages, and the number of messages in flight.
pub struct RetryQueue {
    ordered: bool,
    state: Mutex<State>,
    /// Notified when a message came back or was settled.
    pub changed: Notify,
}

impl RetryQueue {
    /// With order, only one message at a time is in flight or waits.
    pub fn new(ordered: bool) -> Arc<Self> {
        Arc::new(Self {
            ordered,
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Adds a message that is due again after this time.
    pub fn put(&self, kept: QueuedRetry, after: Duration) {
        let mut state = self.state.lock();
        state.numbers += 1;
        let due = DueRetry {
            at: Instant::now() + after,
            number: state.numbers,
            kept,
        };
        state.bytes += due.kept.message.data.len();
        state.waiting.push(Reverse(due));
        drop(state);
        self.changed.notify_one();
    }

    /// Returns the next due message, or the time when one will be due.
    pub fn take(&self) -> Result<QueuedRetry, Option<Instant>> {
        let mut state = self.state.lock();
        match state.waiting.peek() {
            Some(Reverse(due)) if due.at <= Instant::now() => {}
            due => return Err(due.map(|Reverse(due)| due.at)),
        }
        state.in_flight += 1;
        let Some(Reverse(due)) = state.waiting.pop() else {
            return Err(None);
        };
        state.bytes -= due.kept.message.data.len();
        Ok(due.kept)
    }

    /// Returns whether the queue takes another message. With order, no message overtakes another.
    pub fn has_room(&self) -> bool {
        let state = self.state.lock();
        match self.ordered {
            true => state.waiting.is_empty() && state.in_flight == 0,
            false => state.waiting.len() + state.in_flight < MOST && state.bytes < MOST_BYTES,
        }
    }

    /// Returns whether half of the room is taken. The other half is for new messages, and
    /// for retries that cannot wait elsewhere.
    pub fn is_half_full(&self) -> bool {
        let state = self.state.lock();
        let crowded = state.waiting.len() >= MOST / 2 || state.bytes >= MOST_BYTES / 2;
        crowded && !self.ordered
    }

    /// Counts a new message in flight.
    pub fn took_new(&self) {
        self.state.lock().in_flight += 1;
    }

    /// Records that a message in flight was settled or came back.
    pub fn done(&self) {
        self.state.lock().in_flight -= 1;
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(id: &str) -> QueuedRetry {
        QueuedRetry {
            message: Arc::new(Message::new("t", "x")),
            id: MessageId::parse(id).unwrap(),
            attempt: 1,
            first: None,
            published: SystemTime::now(),
            reply_to: ReplyTo::NotRequested,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_message_comes_when_it_is_due() {
        let queue = RetryQueue::new(false);
        queue.put(kept("b"), Duration::from_secs(2));
        queue.put(kept("a"), Duration::from_secs(1));
        assert!(matches!(queue.take(), Err(Some(_))));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(queue.take().ok().unwrap().id.as_str(), "a");
        assert_eq!(queue.take().ok().unwrap().id.as_str(), "b");
        assert!(matches!(queue.take(), Err(None)));
    }

    #[tokio::test(start_paused = true)]
    async fn with_order_one_message_holds_back_the_others() {
        let queue = RetryQueue::new(true);
        assert!(queue.has_room());
        queue.took_new();
        assert!(!queue.has_room());
        queue.put(kept("a"), Duration::from_secs(1));
        queue.done();
        assert!(!queue.has_room());
    }
}
