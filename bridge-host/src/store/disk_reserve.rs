//! Disk space reserved for settlements: a preallocated file. The file is emptied when the disk is
//! full, so that settlements can still be committed, and filled again once there is room.
//!
//! `writer/full_disk` decides when.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use super::private_file::private;

/// The size of the reserve on a disk of 256 MiB or more.
const LARGEST: u64 = 32 << 20;
/// The size of the reserve on the smallest disk.
const SMALLEST: u64 = 1 << 20;
/// On a small disk, the reserve is this fraction of the disk.
const SHARE: u64 = 8;
/// The bytes in one write, on file systems that cannot allocate space without writing.
const CHUNK: usize = 64 << 10;

/// A file that reserves disk space.
pub(super) struct Reserve {
    file: File,
    size: u64,
    held: u64,
}

impl Reserve {
    /// Opens the file in this folder. Space that the file has counts as reserved.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let disk = statvfs(folder)?;
        let total = disk.f_blocks.saturating_mul(disk.f_frsize);
        let file = private().open(folder.join("bridge.reserve"))?;
        let held = file.metadata()?.len();
        let size = (total / SHARE).clamp(SMALLEST, LARGEST);
        Ok(Self { file, size, held })
    }

    /// Returns the standard size of the reserve, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Grows the reserve to at least this many bytes. After an error, it has the same size as
    /// before.
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
                // Returns the part that was allocated before the error.
                let _ = self.file.set_len(self.held);
                Err(error)
            }
        }
    }

    /// Shrinks the reserve to its standard size.
    pub(super) fn shrink(&mut self) {
        if self.held > self.size && self.file.set_len(self.size).is_ok() {
            self.held = self.size;
        }
    }

    /// Releases the space. Returns whether there was any.
    pub(super) fn give_up(&mut self) -> bool {
        let had = self.held > 0;
        if self.file.set_len(0).is_ok() {
            self.held = 0;
        }
        had && self.held == 0
    }
}

/// Returns whether the error says that the disk, or the user's quota, is full.
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
    fn space_is_reserved_and_released() {
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
