//! The record of messages in flight, which survives the process. After a crash,
//! the messages that were in flight are suspects. Each suspect is attempted alone
//! in the process, and one that was alone in flight during several crashes
//! becomes a dead letter.
//!
//! The record must survive the process, but not the machine. It is therefore
//! written without a sync: one small write when an attempt begins, and one when
//! it ends.

mod file;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::timeout;

use super::log::DeliveryLog;
use crate::guest::{CallResult, Outcome};
use file::{Entry, Slots, State};

/// The attempts that this process has in flight, and the suspects from the last
/// process. Clones share the record.
#[derive(Clone)]
pub struct CrashRecord(Arc<SharedRecord>);

struct SharedRecord {
    /// `None` if nothing is recorded.
    slots: Option<Slots>,
    suspects: Mutex<HashMap<Fingerprint, Suspect>>,
    /// Whether there are suspects. Without suspects, attempts skip the lock.
    has_suspects: AtomicBool,
    /// Read-locked by other attempts, write-locked by the attempt of a suspect.
    exclusive: RwLock<()>,
    /// The queue of suspects: only one suspect at a time waits for `exclusive`,
    /// so that other attempts run between two suspects.
    suspect_queue: tokio::sync::Mutex<()>,
}

/// A message that was in flight when the host crashed.
#[derive(Clone, Copy)]
struct Suspect {
    slot: u32,
    entry: Entry,
}

/// While there are suspects, an attempt holds up other attempts no longer than
/// this, so that a hanging endpoint does not stall all subscriptions.
const MAX_WAIT: Duration = Duration::from_millis(250);

/// Returns how long a suspect is attempted alone. The time quadruples with each
/// crash, up to minutes, so that a message is found even if it takes long to
/// crash the host.
fn exclusive_time(crashes: u8) -> Duration {
    MAX_WAIT.saturating_mul(4_u32.saturating_pow(u32::from(crashes.clamp(1, 6)) - 1))
}

/// The key of a delivery in the record. It is the same after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(log: &DeliveryLog<'_>) -> Self {
        let published = log.published.duration_since(SystemTime::UNIX_EPOCH);
        let mut hasher = DefaultHasher::new();
        log.subscription.hash(&mut hasher);
        log.id.as_str().hash(&mut hasher);
        log.message.topic.hash(&mut hasher);
        published.unwrap_or_default().hash(&mut hasher);
        // Zero marks a free slot.
        Self(hasher.finish().max(1))
    }
}

/// An attempt that stays in the record until this is dropped.
pub(super) struct RecordedAttempt<'a> {
    record: &'a SharedRecord,
    entry: Entry,
    slot: Option<u32>,
    turn: Option<AttemptTurn<'a>>,
}

/// Held while there are suspects: shared with other attempts, or exclusive.
enum AttemptTurn<'a> {
    Shared { _guard: RwLockReadGuard<'a, ()> },
    Exclusive { _guard: RwLockWriteGuard<'a, ()> },
}

/// The host crashed this often while the message was the only one in flight, so
/// no attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host crashed {0} times while this message was the only one in flight")]
pub(super) struct RepeatedCrashes(u8);

impl From<RepeatedCrashes> for Outcome {
    fn from(error: RepeatedCrashes) -> Self {
        CallResult::Other(error.to_string()).into()
    }
}

impl CrashRecord {
    /// Opens the record in this folder. The messages that the last process left
    /// in flight become suspects. Fails if the file cannot be read or written.
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
                "the host crashed while messages were in flight: each of them is now attempted alone, to find one that crashes the host"
            );
        }
        Ok(record)
    }

    /// Creates a record that is not written to disk.
    pub fn disabled() -> Self {
        Self::new(None, HashMap::new())
    }

    fn new(slots: Option<Slots>, suspects: HashMap<Fingerprint, Suspect>) -> Self {
        Self(Arc::new(SharedRecord {
            slots,
            has_suspects: AtomicBool::new(!suspects.is_empty()),
            suspects: Mutex::new(suspects),
            exclusive: RwLock::new(()),
            suspect_queue: tokio::sync::Mutex::default(),
        }))
    }

    /// Notes that the process was told to stop: messages in flight at its end are
    /// not suspects.
    pub fn mark_stopping(&self) {
        if let Some(slots) = &self.0.slots {
            slots.mark_stopping();
        }
    }

    /// Waits for this message's turn, and records its attempt.
    pub(super) async fn begin_attempt(
        &self,
        fingerprint: Fingerprint,
        max_crashes: u32,
    ) -> Result<RecordedAttempt<'_>, RepeatedCrashes> {
        let record = &*self.0;
        let (suspect, turn) = match record.has_suspects.load(Relaxed) {
            false => (None, None),
            true => record.wait_for_turn(fingerprint, max_crashes).await?,
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
        Ok(RecordedAttempt {
            record,
            entry,
            slot,
            turn,
        })
    }
}

impl SharedRecord {
    async fn wait_for_turn(
        &self,
        fingerprint: Fingerprint,
        max_crashes: u32,
    ) -> Result<(Option<Suspect>, Option<AttemptTurn<'_>>), RepeatedCrashes> {
        let known = self.suspects().get(&fingerprint).copied();
        let Some(suspect) = known else {
            let guard = self.exclusive.read().await;
            return Ok((None, Some(AttemptTurn::Shared { _guard: guard })));
        };
        let lone_crashes = suspect.entry.lone_crashes;
        if u32::from(lone_crashes) >= max_crashes {
            self.clear_suspect(fingerprint);
            if let Some(slots) = &self.slots {
                slots.free(suspect.slot);
            }
            return Err(RepeatedCrashes(lone_crashes));
        }
        let first = self.suspect_queue.lock().await;
        let guard = self.exclusive.write().await;
        drop(first);
        // Another delivery of the message may have cleared the suspect meanwhile.
        let suspect = self.suspects().get(&fingerprint).copied();
        Ok((suspect, Some(AttemptTurn::Exclusive { _guard: guard })))
    }

    /// Clears a suspect.
    fn clear_suspect(&self, fingerprint: Fingerprint) {
        let mut suspects = self.suspects();
        suspects.remove(&fingerprint);
        self.has_suspects.store(!suspects.is_empty(), Relaxed);
    }

    fn suspects(&self) -> MutexGuard<'_, HashMap<Fingerprint, Suspect>> {
        self.suspects.lock()
    }
}

impl RecordedAttempt<'_> {
    /// Runs the attempt to its end. Once its exclusive time is over, the attempts
    /// that wait for it begin.
    pub(super) async fn run<T>(&mut self, attempt: impl Future<Output = T>) -> T {
        let time = match &self.turn {
            None => return attempt.await,
            Some(AttemptTurn::Shared { .. }) => MAX_WAIT,
            Some(AttemptTurn::Exclusive { .. }) => exclusive_time(self.entry.crashes),
        };
        let mut attempt = pin!(attempt);
        match timeout(time, attempt.as_mut()).await {
            Ok(ended) => ended,
            Err(_) => {
                self.stop_holding_others();
                attempt.await
            }
        }
    }

    /// Lets other attempts begin, and marks this one as long-running.
    fn stop_holding_others(&mut self) {
        self.entry.state = State::LongRunning;
        if let (Some(slot), Some(slots)) = (self.slot, &self.record.slots) {
            slots.write(slot, &self.entry);
        }
        self.end_turn();
    }

    fn end_turn(&mut self) {
        if let Some(AttemptTurn::Exclusive { .. }) = self.turn.take() {
            self.record
                .clear_suspect(Fingerprint(self.entry.fingerprint));
        }
    }
}

impl Drop for RecordedAttempt<'_> {
    fn drop(&mut self) {
        self.end_turn();
        if let (Some(slot), Some(slots)) = (self.slot, &self.record.slots) {
            slots.free(slot);
        }
    }
}

#[cfg(test)]
mod tests;
