//! The cache of compiled components on disk. A component of 18 MB takes many seconds to compile and
//! milliseconds to load. This is the only file with `unsafe` code.

mod prune;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A folder of compiled components. A file name contains the digest of the component and a hash of
/// the engine's version and settings.
#[derive(Clone, Debug)]
pub struct ComponentCache {
    folder: PathBuf,
}

impl ComponentCache {
    /// Opens the cache in this folder. Creates the folder, for the current user only, if it is
    /// missing.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        #[cfg(unix)]
        is_ours(&fs::metadata(folder)?)?;
        if let Err(error) = prune::prune(folder) {
            tracing::warn!(path = %folder.display(), %error, "cannot remove old files from the cache of compiled components");
        }
        Ok(Self {
            folder: folder.into(),
        })
    }

    /// Loads the compiled form of the component in `bytes`, if it is cached.
    pub fn load(&self, engine: &Engine, bytes: &[u8]) -> Option<Component> {
        let path = self.path(engine, bytes);
        match check(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a cached component cannot be trusted, and is compiled again");
                return None;
            }
        }
        // SAFETY: `deserialize_file` runs the file as machine code, so `serialize` must have
        // written it. `open` and `check` made sure that only this user, or root, can write to the
        // folder and the file. The file name identifies the component and the engine's version and
        // settings. `store` renames a file into place only when it is complete.
        match unsafe { Component::deserialize_file(engine, &path) } {
            Ok(component) => {
                touch(&path);
                Some(component)
            }
            // Another process may have removed it just now.
            Err(_) if !path.exists() => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a cached component is unusable, and is compiled again");
                None
            }
        }
    }

    /// Stores a compiled component. It is written to another file and renamed, so that readers
    /// never see a partial file.
    pub fn store(&self, engine: &Engine, bytes: &[u8], component: &Component) -> io::Result<()> {
        let compiled = component.serialize().map_err(io::Error::other)?;
        let path = self.path(engine, bytes);
        let beside = path.with_extension(format!("{}.part", std::process::id()));
        let mut options = fs::File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        // The mode may differ: the umask applies, and the file may have existed.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.write_all(&compiled)?;
        file.sync_all()?;
        fs::rename(beside, path)
    }

    fn path(&self, engine: &Engine, bytes: &[u8]) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let digest = Sha256::digest(bytes);
        self.folder
            .join(format!("{digest:x}-{:016x}.cwasm", hasher.finish()))
    }
}

/// Checks that a file of the cache is a regular file that no other user can write to.
fn check(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() {
        let why = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    #[cfg(unix)]
    is_ours(&found)?;
    Ok(())
}

/// Updates the modification time of a file, so that pruning keeps it. Fails silently for a file of
/// root's.
fn touch(path: &Path) {
    let file = fs::File::options().write(true).open(path);
    let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}

/// Checks that no other user can write to a file, since its content is run. Root's files are
/// accepted: root can run anything anyway, and a container image may come with a cache.
#[cfg(unix)]
fn is_ours(found: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let owners = [0, rustix::process::geteuid().as_raw()];
    let why = match owners.contains(&found.uid()) {
        false => "it belongs to another user: set `wasm.cache` to a folder of your own",
        true if found.mode() & 0o022 != 0 => {
            "other users can write to it, and its content is run: use `chmod go-w`, or set `wasm.cache` to another folder"
        }
        true => return Ok(()),
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_other_users_can_write_to_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        ComponentCache::open(folder.path()).unwrap();
        for (mode, expected) in [(0o755, true), (0o775, false), (0o707, false)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                ComponentCache::open(folder.path()).is_ok(),
                expected,
                "{mode:o}"
            );
        }
        // Every user may write to this folder.
        assert!(ComponentCache::open(Path::new("/tmp")).is_err());
    }

    #[test]
    fn only_files_that_other_users_cannot_write_to_are_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let cache = ComponentCache::open(folder.path()).unwrap();
        let engine = Engine::default();
        // An empty component.
        let bytes = b"\0asm\x0d\0\x01\0";
        let component = Component::new(&engine, bytes).unwrap();
        let path = cache.path(&engine, bytes);
        let beside = path.with_extension(format!("{}.part", std::process::id()));
        fs::write(&beside, "half").unwrap();
        cache.store(&engine, bytes, &component).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert!(cache.load(&engine, bytes).is_some());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(
            cache.load(&engine, bytes).is_none(),
            "others may write to it"
        );
        fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(cache.load(&engine, bytes).is_none(), "it is a link");
    }
}
