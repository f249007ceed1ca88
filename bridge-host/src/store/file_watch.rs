//! Checks whether the open files are still the files on disk. If they were deleted, replaced or
//! truncated, messages written to them would be lost.
//!
//! `writer` stops the store when they are not.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The database and its WAL, as they were opened.
pub(super) struct FileWatch {
    database: WatchedFile,
    wal: WatchedFile,
    /// Stays open as long as the database is open: closing it would release SQLite's locks.
    head: File,
    /// The smallest size of the database, in bytes.
    length: u64,
}

struct WatchedFile {
    path: PathBuf,
    /// The device and the inode, once the file exists.
    identity: Option<(u64, u64)>,
}

impl FileWatch {
    /// Begins to watch an open database.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let mut wal = database.as_os_str().to_owned();
        wal.push("-wal");
        let mut presence = Self {
            head: File::open(database)?,
            database: WatchedFile::new(database.into()),
            wal: WatchedFile::new(wal.into()),
            length: 0,
        };
        presence.checkpointed();
        Ok(presence)
    }

    /// Records the size of the database after a checkpoint of this process.
    pub(super) fn checkpointed(&mut self) {
        let length = self.database.path.metadata().map(|it| it.len());
        self.length = length.unwrap_or(self.length);
    }

    /// Returns what is wrong with the files, for the operator.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let database = self.database.check()?;
        if database.is_some_and(|it| it.len() < self.length) {
            return Err(format!("{} was cut short", self.database.path.display()));
        }
        self.wal.check().map(drop)
    }

    /// Runs [`check`](Self::check), and reads whether the database still begins as an SQLite file.
    pub(super) fn check_head(&mut self) -> Result<(), String> {
        self.check()?;
        let mut head = [0; MAGIC.len()];
        match self.head.read_exact_at(&mut head, 0) {
            Ok(()) if &head == MAGIC => Ok(()),
            // Before the first checkpoint the file may be empty.
            Err(_) if self.length == 0 => Ok(()),
            _ => Err(format!("{} was overwritten", self.database.path.display())),
        }
    }
}

impl WatchedFile {
    fn new(path: PathBuf) -> Self {
        let identity = path.metadata().ok().map(|it| identity(&it));
        Self { path, identity }
    }

    /// Returns the metadata of the file, or an error if it is another file.
    fn check(&mut self) -> Result<Option<Metadata>, String> {
        let shown = self.path.display();
        match (self.path.metadata(), self.identity) {
            (Ok(now), Some(before)) if identity(&now) == before => Ok(Some(now)),
            (Ok(_), Some(_)) => Err(format!("{shown} was replaced by another file")),
            (Ok(now), None) => {
                self.identity = Some(identity(&now));
                Ok(Some(now))
            }
            (Err(error), Some(_)) if error.kind() == io::ErrorKind::NotFound => {
                Err(format!("{shown} was deleted"))
            }
            (Err(error), Some(_)) => Err(format!("{shown}: {error}")),
            (Err(_), None) => Ok(None),
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written() -> (tempfile::TempDir, PathBuf, FileWatch) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.db");
        fs::write(&path, [&MAGIC[..], &[0; 4080]].concat()).unwrap();
        fs::write(folder.path().join("bridge.db-wal"), "").unwrap();
        let presence = FileWatch::of(&path).unwrap();
        (folder, path, presence)
    }

    #[track_caller]
    fn found(presence: &mut FileWatch, what: &str) {
        let found = presence.check_head().unwrap_err();
        assert!(found.ends_with(what), "{found}");
    }

    #[test]
    fn changes_to_the_files_are_found() {
        let (folder, path, mut presence) = written();
        assert_eq!(presence.check_head(), Ok(()));
        fs::write(&path, [0; 4096]).unwrap();
        found(&mut presence, "bridge.db was overwritten");
        fs::write(&path, "").unwrap();
        found(&mut presence, "bridge.db was cut short");
        fs::rename(&path, folder.path().join("away")).unwrap();
        found(&mut presence, "bridge.db was deleted");
        fs::write(&path, [&MAGIC[..], &[0; 4080]].concat()).unwrap();
        found(&mut presence, "bridge.db was replaced by another file");

        let (folder, _, mut presence) = written();
        fs::remove_file(folder.path().join("bridge.db-wal")).unwrap();
        found(&mut presence, "bridge.db-wal was deleted");
    }
}
