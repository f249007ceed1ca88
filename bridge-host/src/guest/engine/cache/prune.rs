//! Removes files from the cache: components that were not loaded for a long time, the least
//! recently loaded ones if the cache is too large, and partial files.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A component that was not loaded for this long is removed.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// The size of the cache, in bytes. Above it, the least recently loaded components are removed.
const MAX_SIZE: u64 = 4 << 30;
/// A partial file older than this is removed: its writer is gone.
const HALF_WRITTEN: Duration = Duration::from_secs(24 * 3600);

/// A file of the cache.
struct CachedFile {
    path: PathBuf,
    size: u64,
    /// The time since the component was last loaded, or written.
    age: Duration,
}

/// Removes what is too old or exceeds the size. Other processes may prune at the same time, or have
/// a file open. An open file stays usable, and a removed component is compiled once more.
pub(super) fn prune(folder: &Path) -> io::Result<()> {
    prune_to(folder, MAX_AGE, MAX_SIZE)
}

fn prune_to(folder: &Path, max_age: Duration, max_size: u64) -> io::Result<()> {
    let now = SystemTime::now();
    let (mut kept, mut size) = (Vec::new(), 0);
    for found in fs::read_dir(folder)? {
        let Some(entry) = CachedFile::of(&found?, now) else {
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

impl CachedFile {
    /// Returns `None` for a file that does not belong to the cache.
    fn of(found: &DirEntry, now: SystemTime) -> Option<Self> {
        let path = found.path();
        let ending = path.extension()?;
        if ending != "cwasm" && ending != "part" {
            return None;
        }
        // Another process may have removed it meanwhile.
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
    fn old_files_and_files_beyond_the_size_are_removed() {
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
