//! The record of messages in flight, which outlives the process. After a crash
//! the messages that were in flight are suspects: each is attempted alone in the
//! process, and one that was alone in flight at several crashes becomes a dead
//! letter.
//!
//! The record has to survive the process and not the machine, so it is written
//! without a sync: one small write when an attempt begins, one when it ends.

mod file;

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::timeout;

use super::log::Story;
use crate::guest::{CallResult, Outcome};
use file::{Entry, Slots, State};

/// The attempts that this process has in flight, and the suspects of the last
/// one. Clones share it.
#[derive(Clone)]
pub struct CrashRecord(Arc<Inner>);

struct Inner {
    /// `None` where nothing is recorded.
    slots: Option<Slots>,
    suspects: Mutex<HashMap<Fingerprint, Suspect>>,
    /// Whether there are suspects: without any, attempts need not look.
    any: AtomicBool,
    /// Held by all attempts together, or by a suspect's alone.
    alone: RwLock<()>,
    /// Where suspects wait for their turn: one of them at a time waits in `alone`, so
    /// that the others' attempts come between two suspects.
    line: tokio::sync::Mutex<()>,
}

/// A message that was in flight when the host ended.
#[derive(Clone, Copy)]
struct Suspect {
    slot: u32,
    entry: Entry,
}

/// While there are suspects, others wait for an attempt no longer than this, so
/// that an endpoint that hangs does not hold up all subscriptions.
const HELD: Duration = Duration::from_millis(250);

/// How long a suspect is attempted alone: four times as long after each end of
/// the host, up to minutes, so that one that takes long to end it is found too.
fn alone_for(crashes: u8) -> Duration {
    HELD.saturating_mul(4_u32.saturating_pow(u32::from(crashes.clamp(1, 6)) - 1))
}

/// The key of a delivery in the record, stable across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(story: &Story<'_>) -> Self {
        let published = story.published.duration_since(SystemTime::UNIX_EPOCH);
        let mut hasher = DefaultHasher::new();
        story.subscription.hash(&mut hasher);
        story.id.as_str().hash(&mut hasher);
        story.message.topic.hash(&mut hasher);
        published.unwrap_or_default().hash(&mut hasher);
        // Zero is a free slot.
        Self(hasher.finish().max(1))
    }
}

/// The right to make an attempt, which is in the record until this is dropped.
pub(super) struct Recorded<'a> {
    record: &'a Inner,
    entry: Entry,
    slot: Option<u32>,
    turn: Option<Turn<'a>>,
}

/// Kept while there are suspects: beside others, or alone.
enum Turn<'a> {
    Shared { _guard: RwLockReadGuard<'a, ()> },
    Alone { _guard: RwLockWriteGuard<'a, ()> },
}

/// The host ended this often while the message alone was in flight: no attempt
/// is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host ended {0} times while this message alone was in flight")]
pub(super) struct EndsTheHost(u8);

impl From<EndsTheHost> for Outcome {
    fn from(error: EndsTheHost) -> Self {
        CallResult::Other(error.to_string()).into()
    }
}

impl CrashRecord {
    /// Opens the record in this folder. What the last process left in flight is
    /// suspect from now on.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let (slots, left) = Slots::open(&folder.join("bridge.in-flight"))?;
        let suspects = left
            .into_iter()
            .map(|(slot, entry)| (Fingerprint(entry.fingerprint), Suspect { slot, entry }));
        let record = Self::new(Some(slots), suspects.collect());
        let count = record.0.suspects().len();
        if count > 0 {
            tracing::warn!(
                count,
                "the host ended while messages were in flight: each of them is now attempted alone, to find one that crashes the host"
            );
        }
        Ok(record)
    }

    /// Creates a record that is not written anywhere.
    pub fn none() -> Self {
        Self::new(None, HashMap::new())
    }

    fn new(slots: Option<Slots>, suspects: HashMap<Fingerprint, Suspect>) -> Self {
        Self(Arc::new(Inner {
            slots,
            any: AtomicBool::new(!suspects.is_empty()),
            suspects: Mutex::new(suspects),
            alone: RwLock::new(()),
            line: tokio::sync::Mutex::default(),
        }))
    }

    /// Notes that the process was told to stop: messages in flight at its end
    /// are not suspects.
    pub fn stopping(&self) {
        if let Some(slots) = &self.0.slots {
            slots.stopping();
        }
    }

    /// Waits for this message's turn, and records its attempt.
    pub(super) async fn enter(
        &self,
        fingerprint: Fingerprint,
        max_crashes: u32,
    ) -> Result<Recorded<'_>, EndsTheHost> {
        let record = &*self.0;
        let (suspect, turn) = match record.any.load(Relaxed) {
            false => (None, None),
            true => record.turn(fingerprint, max_crashes).await?,
        };
        let entry = Entry {
            fingerprint: fingerprint.0,
            state: State::Running,
            lone_crashes: suspect.map_or(0, |it| it.entry.lone_crashes),
            crashes: suspect.map_or(0, |it| it.entry.crashes),
        };
        let slot = record.slots.as_ref().map(|slots| {
            let slot = suspect.map_or_else(|| slots.take(), |it| it.slot);
            slots.write(slot, &entry);
            slot
        });
        Ok(Recorded {
            record,
            entry,
            slot,
            turn,
        })
    }
}

impl Inner {
    async fn turn(
        &self,
        fingerprint: Fingerprint,
        max_crashes: u32,
    ) -> Result<(Option<Suspect>, Option<Turn<'_>>), EndsTheHost> {
        let known = self.suspects().get(&fingerprint).copied();
        let Some(suspect) = known else {
            let guard = self.alone.read().await;
            return Ok((None, Some(Turn::Shared { _guard: guard })));
        };
        let lone_crashes = suspect.entry.lone_crashes;
        if u32::from(lone_crashes) >= max_crashes {
            self.trust(fingerprint);
            if let Some(slots) = &self.slots {
                slots.free(suspect.slot);
            }
            return Err(EndsTheHost(lone_crashes));
        }
        let first = self.line.lock().await;
        let guard = self.alone.write().await;
        drop(first);
        // Its other delivery may have been here meanwhile.
        let suspect = self.suspects().get(&fingerprint).copied();
        Ok((suspect, Some(Turn::Alone { _guard: guard })))
    }

    /// Clears a suspect.
    fn trust(&self, fingerprint: Fingerprint) {
        let mut suspects = self.suspects();
        suspects.remove(&fingerprint);
        self.any.store(!suspects.is_empty(), Relaxed);
    }

    fn suspects(&self) -> MutexGuard<'_, HashMap<Fingerprint, Suspect>> {
        self.suspects.lock()
    }
}

impl Recorded<'_> {
    /// Runs the attempt to its end; the messages that wait for it begin once it
    /// has had its time.
    pub(super) async fn run<T>(&mut self, attempt: impl Future<Output = T>) -> T {
        let time = match &self.turn {
            None => return attempt.await,
            Some(Turn::Shared { .. }) => HELD,
            Some(Turn::Alone { .. }) => alone_for(self.entry.crashes),
        };
        let mut attempt = pin!(attempt);
        match timeout(time, attempt.as_mut()).await {
            Ok(ended) => ended,
            Err(_) => {
                self.grow_old();
                attempt.await
            }
        }
    }

    /// Others no longer wait for it.
    fn grow_old(&mut self) {
        self.entry.state = State::Old;
        if let (Some(slot), Some(slots)) = (self.slot, &self.record.slots) {
            slots.write(slot, &self.entry);
        }
        self.end_turn();
    }

    fn end_turn(&mut self) {
        if let Some(Turn::Alone { .. }) = self.turn.take() {
            self.record.trust(Fingerprint(self.entry.fingerprint));
        }
    }
}

impl Drop for Recorded<'_> {
    fn drop(&mut self) {
        self.end_turn();
        if let (Some(slot), Some(slots)) = (self.slot, &self.record.slots) {
            slots.free(slot);
        }
    }
}

#[cfg(test)]
mod tests;
