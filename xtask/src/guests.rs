//! `cargo xtask guests`: every guest crate as a component in target/guests.
//! How one is built is `componentize`'s matter.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::workspace::{self, say};

/// Where the components go, and where tests and demo find them.
pub fn folder(root: &Path) -> PathBuf {
    root.join("target/guests")
}

/// Builds them all.
pub fn run(root: &Path) -> Result {
    build(root, &workspace::guests(root)?)
}

/// Builds these packages. Cargo decides what is up to date.
pub fn build(root: &Path, packages: &[String]) -> Result {
    say(&format!(
        "components for target/guests: {}",
        packages.join(", ")
    ));
    for package in packages {
        let component = componentize::build(package, root, &folder(root))
            .map_err(|e| format!("{package}: {e}"))?;
        let path = folder(root).join(format!("{package}.wasm"));
        let news = match keep(&path, &component)? {
            true => "built",
            false => "as before",
        };
        eprintln!(
            "    {package}.wasm  {} KB, {news}",
            component.len().div_ceil(1000)
        );
    }
    Ok(())
}

/// Writes the file where it differs: an untouched one keeps its age, and the
/// host's compiled code of it stays good. Tells whether it did.
pub fn keep(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|known| known == bytes) {
        return Ok(false);
    }
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    Ok(true)
}
