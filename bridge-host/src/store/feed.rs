//! The state of one subscription in memory: a short list of deliveries that were read ahead, and
//! which deliveries are in flight. All members of the subscription in this process share it.
//!
//! `read_batch` reads the deliveries, and `writer` writes their settlements.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::delivery_row::{DeliveryRow, FetchedRows, ReadPlan, UnreadableRow};
use super::error::StoreFailure;

/// The most deliveries that are read ahead.
const AHEAD_COUNT: usize = 128;
const AHEAD_BYTES: u64 = 8 << 20;
/// The most acknowledgements that are not written yet. At this limit no message is delivered, which
/// bounds the memory on a full disk.
const MAX_SETTLING: usize = 8192;
/// A wait is checked again after this time, because the clock may be set.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Feed {
    pub(super) sub: i64,
    pub(super) name: String,
    /// Notified when a message arrived, was settled, or failed.
    pub(super) changed: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ordered: bool,
    members: usize,
    /// The next deliveries. With order, all of them; otherwise those that were not parked before.
    ready: VecDeque<DeliveryRow>,
    /// Due retries, without order.
    retries: VecDeque<DeliveryRow>,
    ready_bytes: u64,
    /// Retries and other deliveries take turns: whether the last one was a retry.
    gave_retry: bool,
    /// Deliveries that are read ahead, in flight, or settled but not yet written.
    out: HashSet<i64>,
    /// Deliveries of `out` that were returned, and must be read again.
    wanted: BTreeSet<i64>,
    /// New rows up to this number were read.
    cursor: i64,
    /// Whether there may be rows beyond the cursor.
    fresh: bool,
    /// When the next parked delivery is due, as far as is known.
    next_due: Option<i64>,
    fetching: bool,
    /// Changes when the cursor goes back. A read that began before is discarded.
    epoch: u64,
    in_flight: usize,
    settling: usize,
    failure: Option<StoreFailure>,
}

/// The result of asking for a message.
pub(super) struct NextDelivery {
    pub(super) row: Option<DeliveryRow>,
    /// What to read now, on a thread that may block.
    pub(super) fetch: Option<ReadPlan>,
    /// The longest time to wait for a change.
    pub(super) wait: Duration,
}

impl Feed {
    pub(super) fn new(sub: i64, name: &str) -> Self {
        Self {
            sub,
            name: name.into(),
            changed: Notify::new(),
            state: Mutex::default(),
        }
    }

    /// Returns the next message, and what to read in the background.
    pub(super) fn next(&self, now: i64, only_fresh: bool) -> Result<NextDelivery, StoreFailure> {
        let mut state = self.state.lock();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        let row = state.take_next(now, only_fresh);
        Ok(NextDelivery {
            fetch: state.plan(now),
            wait: state.wait(now),
            row,
        })
    }

    /// Adds the result of a read. Returns the deliveries that cannot be read; they are in flight
    /// until they are settled.
    pub(super) fn add_fetched(
        &self,
        plan: ReadPlan,
        result: Result<FetchedRows, StoreFailure>,
    ) -> Vec<UnreadableRow> {
        let unreadable = self.state.lock().add(plan, result);
        self.changed.notify_waiters();
        unreadable
    }

    /// Adds a member. The first member sets whether the subscription is ordered.
    pub(super) fn join(&self, ordered: bool) {
        let mut state = self.state.lock();
        state.members += 1;
        if state.members == 1 {
            state.ordered = ordered;
            state.rewind();
        }
    }

    /// Removes a member. The last member discards what was read ahead.
    pub(super) fn leave(&self) {
        let mut state = self.state.lock();
        state.members -= 1;
        if state.members == 0 {
            state.rewind();
        }
    }

    /// Returns whether this is the feed of the subscription, and has members.
    pub(super) fn is_joined(&self, name: &str) -> bool {
        self.name == name && self.has_members()
    }

    pub(super) fn has_members(&self) -> bool {
        self.state.lock().members > 0
    }

    /// Records that a message was published to the subscription.
    pub(super) fn arrived(&self) {
        self.state.lock().fresh = true;
        self.changed.notify_waiters();
    }

    /// Records that another process changed the database, for example by a replay.
    pub(super) fn changed_by_another_process(&self) {
        let mut state = self.state.lock();
        state.next_due = Some(0);
        if state.ordered {
            state.rewind();
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Records that an acknowledgement was queued, and frees its slot.
    pub(super) fn acknowledgement_queued(&self) {
        let mut state = self.state.lock();
        state.in_flight -= 1;
        state.settling += 1;
        let ordered = state.ordered;
        drop(state);
        if ordered {
            self.changed.notify_waiters();
        }
    }

    /// Records that a row was deleted. If `awaited`, its slot was held until now.
    pub(super) fn settled(&self, seq: i64, awaited: bool) {
        let mut state = self.state.lock();
        state.out.remove(&seq);
        state.free(awaited);
        let notify = state.ordered || state.settling == MAX_SETTLING - 1;
        drop(state);
        if notify {
            self.changed.notify_waiters();
        }
    }

    /// Records that a delivery waits for its retry until `due`.
    pub(super) fn parked(&self, seq: i64, due: i64) {
        let mut state = self.state.lock();
        state.free(true);
        if state.ordered {
            state.wanted.insert(seq);
        } else {
            state.out.remove(&seq);
            state.due_at(Some(due));
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Records that an unread delivery is due at this time.
    pub(super) fn due(&self, due: i64) {
        self.state.lock().due_at(Some(due));
        self.changed.notify_waiters();
    }

    /// Records that a settlement could not be written. The delivery is read again.
    pub(super) fn settlement_failed(&self, seq: i64, awaited: bool) {
        let mut state = self.state.lock();
        state.free(awaited);
        state.wanted.insert(seq);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Returns a delivery as if it had not been delivered.
    pub(super) fn returned(&self, seq: i64) {
        self.settlement_failed(seq, true);
    }
}

impl State {
    fn free(&mut self, awaited: bool) {
        match awaited {
            true => self.in_flight -= 1,
            false => self.settling -= 1,
        }
    }

    fn due_at(&mut self, due: Option<i64>) {
        self.next_due = match (self.next_due, due) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    fn take_next(&mut self, now: i64, only_fresh: bool) -> Option<DeliveryRow> {
        let waits = |row: &DeliveryRow| {
            let its_turn = self.in_flight == 0 && self.wanted.is_empty() && row.due <= now;
            self.ordered && !its_turn
        };
        if self.settling >= MAX_SETTLING || self.ready.front().is_some_and(waits) {
            return None;
        }
        let retry = !self.retries.is_empty() && !only_fresh;
        let row = match retry && (self.ready.is_empty() || !self.gave_retry) {
            true => self.retries.pop_front()?,
            false => self.ready.pop_front()?,
        };
        self.gave_retry = retry && !self.gave_retry;
        self.ready_bytes -= row.weight;
        self.in_flight += 1;
        Some(row)
    }

    fn plan(&mut self, now: i64) -> Option<ReadPlan> {
        let low = |rows: &VecDeque<DeliveryRow>| {
            rows.len() < AHEAD_COUNT / 2 && self.ready_bytes < AHEAD_BYTES / 2
        };
        let due = !self.ordered && self.next_due.is_some_and(|due| due <= now);
        let due = due && low(&self.retries);
        // With order, a returned delivery is read before all others.
        let wanted = !self.wanted.is_empty() && (self.ordered || low(&self.ready));
        let fresh = self.fresh && low(&self.ready) || wanted;
        if self.fetching || !(due || fresh) {
            return None;
        }
        self.fetching = true;
        self.fresh &= !fresh;
        self.next_due.take_if(|_| due);
        Some(ReadPlan {
            epoch: self.epoch,
            ordered: self.ordered,
            cursor: self.cursor,
            now,
            wanted: self.wanted.iter().copied().take(AHEAD_COUNT).collect(),
            out: self.out.clone(),
            due: match due {
                true => AHEAD_COUNT - self.retries.len(),
                false => 0,
            },
            fresh: match fresh {
                true => AHEAD_COUNT.saturating_sub(self.ready.len()).max(1),
                false => 0,
            },
            bytes: AHEAD_BYTES.saturating_sub(self.ready_bytes),
        })
    }

    fn wait(&self, now: i64) -> Duration {
        let due = match self.ordered {
            true => self.ready.front().map(|row| row.due),
            false => self.next_due,
        };
        // A delivery that is already due waits for another reason, so a notification will follow.
        match due {
            Some(due) if due > now => Duration::from_millis((due - now) as u64).min(LONGEST_WAIT),
            _ => LONGEST_WAIT,
        }
    }

    fn add(
        &mut self,
        plan: ReadPlan,
        result: Result<FetchedRows, StoreFailure>,
    ) -> Vec<UnreadableRow> {
        self.fetching = false;
        let fetched = match result {
            Ok(fetched) if plan.epoch == self.epoch => fetched,
            result => {
                self.fresh = true;
                self.due_at(Some(0));
                self.failure = result.err();
                return Vec::new();
            }
        };
        for seq in &fetched.wanted_gone {
            self.wanted.remove(seq);
            self.out.remove(seq);
        }
        for row in fetched.wanted.into_iter().rev() {
            self.wanted.remove(&row.seq);
            self.ready_bytes += row.weight;
            self.queue_of(&row).push_front(row);
        }
        for row in fetched.rows {
            self.out.insert(row.seq);
            self.ready_bytes += row.weight;
            self.queue_of(&row).push_back(row);
        }
        self.cursor = fetched.cursor;
        self.fresh |= fetched.more;
        self.due_at(fetched.next_due);
        for one in &fetched.unreadable {
            self.wanted.remove(&one.seq);
            self.out.insert(one.seq);
            self.in_flight += 1;
        }
        fetched.unreadable
    }

    /// Returns the queue that a row belongs to.
    fn queue_of(&mut self, row: &DeliveryRow) -> &mut VecDeque<DeliveryRow> {
        match row.due > 0 && !self.ordered {
            true => &mut self.retries,
            false => &mut self.ready,
        }
    }

    /// Discards what was read ahead, and reads from the beginning again.
    fn rewind(&mut self) {
        for row in self.ready.drain(..).chain(self.retries.drain(..)) {
            self.out.remove(&row.seq);
        }
        self.ready_bytes = 0;
        self.cursor = 0;
        self.fresh = true;
        self.next_due = Some(0);
        self.epoch += 1;
    }
}
