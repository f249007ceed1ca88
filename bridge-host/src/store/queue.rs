//! The queue of commands for the writer. It limits the bytes of published messages, delays
//! acknowledgements for a moment to group them, and passes on all other commands at once.
//!
//! `writer` runs the commands.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::StoreFailure;
use super::foreign_message::KeepCommand;
use super::join::JoinCommand;
use super::publish::PublishCommand;
use super::settle::SettleCommand;
use super::turn::TurnRequest;

/// The size of the published messages in the queue, in KiB. Each message also counts
/// [`BASE_WEIGHT`], which limits the number of small messages.
const ROOM: u32 = 64 << 10;
const BASE_WEIGHT: u64 = 16;
/// The most messages in one transaction.
const GROUP_COUNT: usize = 1024;
const GROUP_BYTES: u64 = 16 << 20;
const GROUP_SETTLES: usize = 4096;
/// How long acknowledgements wait for others. An fsync takes about 3 ms, so acknowledgements use
/// only a fraction of the disk's time.
const GATHER: Duration = Duration::from_millis(10);
/// The longest time that a message waits for other messages.
const LONGEST_HOLD: Duration = Duration::from_millis(1);

pub(super) enum Command {
    Publish(PublishCommand),
    Settle(SettleCommand),
    Join(JoinCommand),
    Keep(Box<KeepCommand>),
    Turn(Box<TurnRequest>),
}

/// The commands that the writer runs in one go.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) publishes: Vec<PublishCommand>,
    pub(super) settles: Vec<SettleCommand>,
    pub(super) joins: Vec<JoinCommand>,
    pub(super) keeps: Vec<KeepCommand>,
    /// Answered after all other commands are written.
    pub(super) turns: Vec<TurnRequest>,
    /// Whether the queue is closed and this is its last batch.
    pub(super) last: bool,
}

pub(super) struct Queue {
    waiting: Mutex<QueueState>,
    wake: Condvar,
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct QueueState {
    publishes: VecDeque<PublishCommand>,
    settles: VecDeque<SettleCommand>,
    joins: VecDeque<JoinCommand>,
    keeps: Vec<KeepCommand>,
    turns: Vec<TurnRequest>,
    /// How many publishers the last transaction had, and until when the writer waits for all of
    /// them.
    expected: usize,
    expected_until: Option<Instant>,
    /// How many settlements have a waiting caller.
    awaited: usize,
    /// When the oldest settlement was queued.
    since: Option<Instant>,
    writer_sleeps: bool,
    closed: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            room: Arc::new(Semaphore::new(ROOM as usize)),
        }
    }

    /// Waits until the queue has room for a message of this size.
    pub(super) async fn room(&self, size: u64) -> Result<OwnedSemaphorePermit, StoreFailure> {
        let weight =
            u32::try_from(BASE_WEIGHT + size / 1024).map_or(ROOM, |weight| weight.min(ROOM));
        let room = Arc::clone(&self.room).acquire_many_owned(weight).await;
        room.map_err(|_| StoreFailure::Closed)
    }

    pub(super) fn push(&self, command: Command) -> Result<(), StoreFailure> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(StoreFailure::Closed);
        }
        let wakes = waiting.add(command);
        if wakes && waiting.writer_sleeps {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Returns the next batch; an empty batch after `idle`.
    pub(super) fn next(&self, idle: Duration) -> Batch {
        let until = Instant::now() + idle;
        let mut waiting = self.waiting.lock();
        loop {
            let now = Instant::now();
            let ready_at = waiting.ready_at(now).map_or(until, |at| at.min(until));
            if ready_at <= now {
                return waiting.take();
            }
            waiting.writer_sleeps = true;
            self.wake.wait_for(&mut waiting, ready_at - now);
            waiting.writer_sleeps = false;
        }
    }

    /// Records that a transaction with this many messages took this long. Its publishers are likely
    /// to publish again at once. The next batch waits for them for a fraction of that time, so that
    /// they share one transaction with messages queued meanwhile.
    pub(super) fn committed(&self, publishes: usize, took: Duration) {
        let mut waiting = self.waiting.lock();
        waiting.expected = publishes + waiting.publishes.len();
        waiting.expected_until = Some(Instant::now() + (took / 8).min(LONGEST_HOLD));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.waiting.lock().closed
    }

    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.publishes.is_empty()
            && waiting.settles.is_empty()
            && waiting.joins.is_empty()
            && waiting.keeps.is_empty()
            && waiting.turns.is_empty()
    }

    /// Takes no more commands. Queued commands still reach the writer.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.room.close();
        self.wake.notify_one();
    }

    /// Drops the queued commands: the writer has ended.
    pub(super) fn abandon(&self) {
        self.close();
        let mut waiting = self.waiting.lock();
        let closed = QueueState {
            closed: true,
            ..QueueState::default()
        };
        let dropped = std::mem::replace(&mut *waiting, closed);
        drop(waiting);
        drop(dropped);
    }
}

impl QueueState {
    /// Adds a command. Returns whether a sleeping writer must wake.
    fn add(&mut self, command: Command) -> bool {
        match command {
            Command::Publish(publish) => {
                self.publishes.push_back(publish);
                let count = self.publishes.len();
                return count == 1 || count >= self.expected || self.held_until().is_none();
            }
            Command::Join(join) => self.joins.push_back(join),
            Command::Keep(keep) => self.keeps.push(*keep),
            Command::Turn(turn) => self.turns.push(*turn),
            Command::Settle(settle) => {
                let awaited = settle.reply.is_some();
                self.awaited += usize::from(awaited);
                self.settles.push_back(settle);
                self.since.get_or_insert_with(Instant::now);
                let count = self.settles.len();
                return awaited || count == 1 || count == GROUP_SETTLES;
            }
        }
        true
    }

    /// Returns until when messages wait for the messages of other publishers.
    fn held_until(&self) -> Option<Instant> {
        match self.publishes.len() < self.expected.min(GROUP_COUNT) {
            true => self.expected_until.filter(|until| *until > Instant::now()),
            false => None,
        }
    }

    /// Returns when the next batch is ready; `None` while the queue is empty.
    fn ready_at(&self, now: Instant) -> Option<Instant> {
        let urgent = !self.joins.is_empty()
            || !self.keeps.is_empty()
            || !self.turns.is_empty()
            || self.awaited > 0
            || self.closed
            || self.settles.len() >= GROUP_SETTLES;
        let publish = match self.publishes.is_empty() {
            true => None,
            false => Some(self.held_until().unwrap_or(now)),
        };
        let settle = self.since.map(|since| since + GATHER);
        match (publish, settle) {
            _ if urgent => Some(now),
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn take(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while bytes < GROUP_BYTES && batch.publishes.len() < GROUP_COUNT {
            let Some(publish) = self.publishes.pop_front() else {
                break;
            };
            bytes += publish.size();
            batch.publishes.push(publish);
        }
        let count = self.settles.len().min(GROUP_SETTLES);
        batch.settles.extend(self.settles.drain(..count));
        batch.joins.extend(self.joins.drain(..));
        batch.keeps.append(&mut self.keeps);
        batch.turns.append(&mut self.turns);
        self.awaited -= batch.settles.iter().filter(|s| s.reply.is_some()).count();
        if self.settles.is_empty() {
            self.since = None;
        }
        batch.last = self.closed && self.publishes.is_empty() && self.settles.is_empty();
        batch
    }
}
