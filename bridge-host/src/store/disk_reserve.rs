//! Disk space held back for settlements: a preallocated file. It is given up
//! when the disk is full, so that settlements can still be committed, and
//! taken again once there is room.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use super::private_file::private;

/// The reserve on any disk of 256 MiB and more.
const LARGEST: u64 = 32 << 20;
/// The reserve on the smallest disk.
const SMALLEST: u64 = 1 << 20;
/// On a small disk the reserve is one part in this many.
const SHARE: u64 = 8;
/// What is written at once where space cannot be allocated unwritten.
const CHUNK: usize = 64 << 10;

/// A file that holds disk space.
pub(super) struct Reserve {
    file: File,
    size: u64,
    held: u64,
}

impl Reserve {
    /// Opens the file in this folder, and holds what it has.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let disk = statvfs(folder)?;
        let total = disk.f_blocks.saturating_mul(disk.f_frsize);
        let file = private().open(folder.join("bridge.reserve"))?;
        let held = file.metadata()?.len();
        let size = (total / SHARE).clamp(SMALLEST, LARGEST);
        Ok(Self { file, size, held })
    }

    /// What it holds when it is whole, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Holds at least this many bytes from now on, or no more than before.
    pub(super) fn take(&mut self, bytes: u64) -> io::Result<()> {
        if self.held >= bytes {
            return Ok(());
        }
        match allocate(&self.file, self.held, bytes) {
            Ok(()) => {
                self.held = bytes;
                Ok(())
            }
            Err(error) => {
                // What was allocated of it so far helps nobody here.
                let _ = self.file.set_len(self.held);
                Err(error)
            }
        }
    }

    /// Holds its standard size, after more was needed for a while.
    pub(super) fn shrink(&mut self) {
        if self.held > self.size && self.file.set_len(self.size).is_ok() {
            self.held = self.size;
        }
    }

    /// Gives up the space. Returns whether there was any.
    pub(super) fn give_up(&mut self) -> bool {
        let had = self.held > 0;
        if self.file.set_len(0).is_ok() {
            self.held = 0;
        }
        had && self.held == 0
    }
}

/// Whether this says that the disk, or the user's share of it, has no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, to) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(file, from, to),
        Err(error) => Err(error.into()),
    }
}

fn write_zeros(mut file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeros = [0; CHUNK];
    let mut at = from;
    while at < to {
        let length = CHUNK.min((to - at) as usize);
        file.write_all_at(&zeros[..length], at)?;
        at += length as u64;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_taken_and_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::open(folder.path()).unwrap();
        let length = || {
            std::fs::metadata(folder.path().join("bridge.reserve"))
                .unwrap()
                .len()
        };
        let size = reserve.size();
        assert!(!reserve.give_up(), "there was nothing to give up");
        reserve.take(size + 4096).unwrap();
        assert_eq!(length(), size + 4096);
        reserve.shrink();
        assert_eq!(length(), size);
        drop(reserve);
        let mut again = Reserve::open(folder.path()).unwrap();
        assert!(again.give_up(), "what is there from before counts");
        assert_eq!(length(), 0);
        write_zeros(&again.file, 0, 100_000).unwrap();
        assert_eq!(length(), 100_000);
    }
}
