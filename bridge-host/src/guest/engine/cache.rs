//! Compiled components on disk: a component of 18 MB compiles for many
//! seconds, and loads in milliseconds. The one place with `unsafe` in it.

mod prune;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A folder of compiled components, named by what they were made from and by
/// the engine that made them.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// A cache in this folder, made where there is none, for the user alone.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        #[cfg(unix)]
        is_ours(&fs::metadata(folder)?)?;
        if let Err(error) = prune::prune(folder) {
            tracing::warn!(path = %folder.display(), %error, "the cache of compiled components cannot be cleaned");
        }
        Ok(Self {
            folder: folder.into(),
        })
    }

    /// The component compiled earlier from these bytes, if there is one.
    pub fn load(&self, engine: &Engine, bytes: &[u8]) -> Option<Component> {
        let path = self.path(engine, bytes);
        match check(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a cached component is not trusted, and is compiled again");
                return None;
            }
        }
        // SAFETY: `deserialize_file` runs the file as machine code, so it must
        // be one that `serialize` made. The folder and the file are this user's, or
        // root's, and writable by nobody else, which `open` and `check` saw to; the
        // name binds the file to the component and to the engine's version and
        // settings, and files appear under their name whole.
        match unsafe { Component::deserialize_file(engine, &path) } {
            Ok(component) => {
                used(&path);
                Some(component)
            }
            // Another process may have pruned it right now.
            Err(_) if !path.exists() => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a cached component is unusable and is made anew");
                None
            }
        }
    }

    /// Keeps a compiled component. It is written beside its place and moved
    /// there, so that a reader never sees half of it.
    pub fn store(&self, engine: &Engine, bytes: &[u8], component: &Component) -> io::Result<()> {
        let compiled = component.serialize().map_err(io::Error::other)?;
        let path = self.path(engine, bytes);
        let beside = path.with_extension(format!("{}.part", std::process::id()));
        let mut options = fs::File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        // Whatever the umask, and whatever was there.
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

/// Whether a file of the cache is a regular one, and ours.
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

/// Takes note that a file was loaded, so that pruning spares it. One of root's
/// stays as it is.
fn used(path: &Path) {
    let file = fs::File::options().write(true).open(path);
    let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}

/// Whoever may write to it may have this process run anything; root may anyway,
/// and an image may bring a folder of root's.
#[cfg(unix)]
fn is_ours(found: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let owners = [0, rustix::process::geteuid().as_raw()];
    let why = match owners.contains(&found.uid()) {
        false => "it belongs to another user: name a folder of your own in `wasm.cache`",
        true if found.mode() & 0o022 != 0 => {
            "others may write to it, and what is in it is run: chmod go-w, or name another in `wasm.cache`"
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
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Cache::open(folder.path()).unwrap();
        for (mode, expected) in [(0o755, true), (0o775, false), (0o707, false)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Cache::open(folder.path()).is_ok(), expected, "{mode:o}");
        }
        // Everybody may write to this one.
        assert!(Cache::open(Path::new("/tmp")).is_err());
    }

    #[test]
    fn what_is_run_is_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let engine = Engine::default();
        // A component with nothing in it.
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
