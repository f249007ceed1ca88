//! What goes from the cache: components that no process loaded for a long
//! time, the oldest of too many, and what was left half written.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A component that was not loaded for this long goes.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Of more than this the ones that were not loaded for longest go, in bytes.
const MAX_SIZE: u64 = 4 << 30;
/// What is written takes less than this.
const HALF_WRITTEN: Duration = Duration::from_secs(24 * 3600);

/// A file of the cache.
struct Entry {
    path: PathBuf,
    size: u64,
    /// Since it was last loaded, or written.
    age: Duration,
}

/// Removes what is too old, or too much. Another process may do the same
/// meanwhile, or have a file open: that one keeps what it has, and a component
/// that is gone is compiled once more.
pub(super) fn prune(folder: &Path) -> io::Result<()> {
    prune_to(folder, MAX_AGE, MAX_SIZE)
}

fn prune_to(folder: &Path, max_age: Duration, max_size: u64) -> io::Result<()> {
    let now = SystemTime::now();
    let (mut kept, mut size) = (Vec::new(), 0);
    for found in fs::read_dir(folder)? {
        let Some(entry) = Entry::of(&found?, now) else {
            continue;
        };
        let limit = match entry.path.extension().is_some_and(|it| it == "cwasm") {
            true => max_age,
            false => HALF_WRITTEN,
        };
        match entry.age > limit {
            true => remove(&entry.path),
            false => {
                size += entry.size;
                kept.push(entry);
            }
        }
    }
    kept.sort_by_key(|entry| std::cmp::Reverse(entry.age));
    for entry in kept {
        if size <= max_size {
            break;
        }
        size -= entry.size;
        remove(&entry.path);
    }
    Ok(())
}

impl Entry {
    /// `None` for what is none of the cache's.
    fn of(found: &DirEntry, now: SystemTime) -> Option<Self> {
        let path = found.path();
        let ending = path.extension()?;
        if ending != "cwasm" && ending != "part" {
            return None;
        }
        // Gone meanwhile, it is of no more concern.
        let metadata = found.metadata().ok().filter(fs::Metadata::is_file)?;
        let used = metadata.modified().ok()?;
        Some(Self {
            size: metadata.len(),
            age: now.duration_since(used).unwrap_or_default(),
            path,
        })
    }
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => tracing::debug!(path = %path.display(), "removed from the cache"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "not removed from the cache");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_and_the_many_go() {
        let folder = tempfile::tempdir().unwrap();
        let hour = Duration::from_secs(3600);
        for (name, hours) in [
            ("a.cwasm", 1),
            ("b.cwasm", 3),
            ("c.cwasm", 2),
            ("old.cwasm", 9),
            ("new.7.part", 1),
            ("left.7.part", 25),
            ("notes.txt", 99),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, [0; 10]).unwrap();
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::now() - hours * hour).unwrap();
        }
        prune_to(folder.path(), 8 * hour, 30).unwrap();
        let left = fs::read_dir(folder.path()).unwrap();
        let mut left: Vec<_> = left.map(|it| it.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["a.cwasm", "c.cwasm", "new.7.part", "notes.txt"]);
    }
}
