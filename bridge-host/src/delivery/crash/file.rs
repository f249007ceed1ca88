//! The record on disk: slots of 16 bytes, the first of them a header. A slot is
//! written whole by one call, so the end of the process leaves it whole.

use parking_lot::{Mutex, MutexGuard};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

const SLOT: usize = 16;
/// What the file begins with: its name and format.
const MAGIC: [u8; 8] = *b"inflight";
/// The byte of the header that says whether the process was told to stop.
const STOPPING_AT: u64 = 8;

/// What a slot says of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// An attempt is under way.
    Running = 1,
    /// It was under way when the host ended, and was not attempted since.
    Suspect = 2,
    /// An attempt is under way that has had its time alone: an end of the host
    /// is laid to a younger one.
    Old = 3,
}

/// A slot in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) fingerprint: u64,
    pub(super) state: State,
    /// The ends of the host at which it alone was in flight.
    pub(super) lone_crashes: u8,
    /// All ends of the host at which it was in flight.
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

    /// `None` where the slot is free.
    fn read(bytes: &[u8]) -> Option<Self> {
        let state = match bytes[8] {
            1 => State::Running,
            2 => State::Suspect,
            3 => State::Old,
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
    free: Mutex<Free>,
}

struct Free {
    /// Used before, and free again: the last one first.
    again: Vec<u32>,
    /// From here on none was used.
    fresh: u32,
}

impl Slots {
    /// Opens the file, and takes over what the last process left: the suspects,
    /// each in a slot.
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
        // In one call, so that an end of the process here loses none of them.
        file.write_all_at(&after, 0)?;
        file.set_len((used * SLOT) as u64)?;
        let free = Free {
            again: Vec::new(),
            fresh: used as u32,
        };
        let slots = Self {
            file,
            free: Mutex::new(free),
        };
        Ok((slots, (1..).zip(suspects).collect()))
    }

    /// A slot that is free.
    pub(super) fn take(&self) -> u32 {
        let mut free = self.lock();
        free.again.pop().unwrap_or_else(|| {
            free.fresh += 1;
            free.fresh - 1
        })
    }

    pub(super) fn write(&self, slot: u32, entry: &Entry) {
        self.put(slot, &entry.bytes());
    }

    pub(super) fn free(&self, slot: u32) {
        self.put(slot, &[0; SLOT]);
        self.lock().again.push(slot);
    }

    pub(super) fn stopping(&self) {
        self.at(STOPPING_AT, &[1]);
    }

    fn put(&self, slot: u32, bytes: &[u8; SLOT]) {
        self.at(u64::from(slot) * SLOT as u64, bytes);
    }

    /// A write that fails costs nothing but this slot's memory of a crash.
    fn at(&self, offset: u64, bytes: &[u8]) {
        if let Err(error) = self.file.write_at(bytes, offset) {
            tracing::debug!(%error, "the record of messages in flight cannot be written");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock()
    }
}

fn header(stopping: bool) -> [u8; SLOT] {
    let mut header = [0; SLOT];
    header[..8].copy_from_slice(&MAGIC);
    header[8] = u8::from(stopping);
    header
}

/// Who is suspect after what the last process left. One that was alone in
/// flight has one crash more.
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
