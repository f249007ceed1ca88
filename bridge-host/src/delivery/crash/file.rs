//! The record on disk: slots of 16 bytes, of which the first is a header. One
//! call writes a whole slot, so a crash of the process leaves each slot intact.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use parking_lot::Mutex;

const SLOT: usize = 16;
/// The first bytes of the file: its name and format.
const MAGIC: [u8; 8] = *b"inflight";
/// The offset of the header's byte that says whether the process was told to
/// stop.
const STOPPING_AT: u64 = 8;

/// The state of the message in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// An attempt is running.
    Running = 1,
    /// The message was in flight when the host crashed, and has not been
    /// attempted since.
    Suspect = 2,
    /// An attempt is running whose exclusive time is over: a crash is attributed
    /// to a more recent attempt.
    LongRunning = 3,
}

/// The content of a slot in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) fingerprint: u64,
    pub(super) state: State,
    /// How many crashes happened while the message was the only one in flight.
    pub(super) lone_crashes: u8,
    /// How many crashes happened while the message was in flight.
    pub(super) crashes: u8,
}

impl Entry {
    fn bytes(&self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        bytes[..8].copy_from_slice(&self.fingerprint.to_le_bytes());
        bytes[8] = self.state as u8;
        bytes[9] = self.lone_crashes;
        bytes[10] = self.crashes;
        bytes
    }

    /// Returns `None` if the slot is free.
    fn read(bytes: &[u8]) -> Option<Self> {
        let state = match bytes[8] {
            1 => State::Running,
            2 => State::Suspect,
            3 => State::LongRunning,
            _ => return None,
        };
        Some(Self {
            fingerprint: u64::from_le_bytes(bytes[..8].try_into().ok()?),
            state,
            lone_crashes: bytes[9],
            crashes: bytes[10],
        })
    }
}

/// The slots of this process.
pub(super) struct Slots {
    file: File,
    free: Mutex<FreeSlots>,
}

struct FreeSlots {
    /// Slots that were used and are free again; the last one is used first.
    reusable: Vec<u32>,
    /// The first slot that was never used.
    next_unused: u32,
}

impl Slots {
    /// Opens the file, and returns the suspects that the last process left, each
    /// with its slot.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<(u32, Entry)>)> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)?;
        let mut before = vec![0; file.metadata()?.len() as usize];
        file.read_exact_at(&mut before, 0)?;
        let suspects = suspects(&before);
        let mut after = header(false).to_vec();
        for entry in &suspects {
            after.extend(entry.bytes());
        }
        let used = after.len() / SLOT;
        after.resize(after.len().max(before.len()), 0);
        // One call, so that a crash in this moment loses no suspect.
        file.write_all_at(&after, 0)?;
        file.set_len((used * SLOT) as u64)?;
        let free = FreeSlots {
            reusable: Vec::new(),
            next_unused: used as u32,
        };
        let slots = Self {
            file,
            free: Mutex::new(free),
        };
        Ok((slots, (1..).zip(suspects).collect()))
    }

    /// Returns a free slot.
    pub(super) fn take(&self) -> u32 {
        let mut free = self.free.lock();
        free.reusable.pop().unwrap_or_else(|| {
            free.next_unused += 1;
            free.next_unused - 1
        })
    }

    pub(super) fn write(&self, slot: u32, entry: &Entry) {
        self.write_slot(slot, &entry.bytes());
    }

    pub(super) fn free(&self, slot: u32) {
        self.write_slot(slot, &[0; SLOT]);
        self.free.lock().reusable.push(slot);
    }

    pub(super) fn mark_stopping(&self) {
        self.write_at(STOPPING_AT, &[1]);
    }

    fn write_slot(&self, slot: u32, bytes: &[u8; SLOT]) {
        self.write_at(u64::from(slot) * SLOT as u64, bytes);
    }

    /// A failed write loses only this slot's record of a crash.
    fn write_at(&self, offset: u64, bytes: &[u8]) {
        if let Err(error) = self.file.write_at(bytes, offset) {
            tracing::debug!(%error, "cannot write the record of messages in flight");
        }
    }
}

fn header(stopping: bool) -> [u8; SLOT] {
    let mut header = [0; SLOT];
    header[..8].copy_from_slice(&MAGIC);
    header[8] = u8::from(stopping);
    header
}

/// Reads the suspects from what the last process left. A message that was alone
/// in flight has one more crash.
fn suspects(left: &[u8]) -> Vec<Entry> {
    let (slots, _) = left.as_chunks::<SLOT>();
    let Some((first, slots)) = slots.split_first() else {
        return Vec::new();
    };
    if first[..8] != MAGIC {
        return Vec::new();
    }
    let stopped = first[8] != 0;
    let entries: Vec<_> = slots.iter().filter_map(|slot| Entry::read(slot)).collect();
    let running = |entry: &&Entry| entry.state == State::Running;
    let alone = !stopped && entries.iter().filter(running).count() == 1;
    let suspects = entries.into_iter().filter_map(|entry| {
        if entry.state == State::Suspect {
            return Some(entry);
        }
        let was_alone = alone && entry.state == State::Running;
        let suspect = Entry {
            state: State::Suspect,
            lone_crashes: entry.lone_crashes.saturating_add(u8::from(was_alone)),
            crashes: entry.crashes.saturating_add(u8::from(!stopped)),
            ..entry
        };
        (!stopped || entry.lone_crashes > 0).then_some(suspect)
    });
    suspects.collect()
}
