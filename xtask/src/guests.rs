//! `cargo xtask guests`: every guest crate as a component in target/guests, those
//! of a stranger's workspace included.
//! How one is built is `componentize`'s matter.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::workspace::{self, say};

/// Where the components go, and where tests and demo find them.
pub fn folder(root: &Path) -> PathBuf {
    root.join("target/guests")
}

/// HTTP handlers made with other SDKs: a workspace of their own, and what is in it.
const STRANGERS: (&str, [&str; 5]) = (
    "bridge-host/tests/strangers",
    [
        "spin-handler",
        "wasip3-handler",
        "wstd-handler",
        "wstd-http-server",
        "wstd-http-server-proxy",
    ],
);

/// Builds them all.
pub fn run(root: &Path) -> Result {
    build(root, &workspace::guests(root)?)?;
    strangers(root)
}

/// Builds those of other SDKs, which bring much of their own.
pub fn strangers(root: &Path) -> Result {
    let (workspace, packages) = STRANGERS;
    say(&format!("and of others' SDKs: {}", packages.join(", ")));
    let workspace = root.join(workspace);
    packages
        .iter()
        .try_for_each(|package| one(package, &workspace, root))
}

/// Builds these packages. Cargo decides what is up to date.
pub fn build(root: &Path, packages: &[String]) -> Result {
    say(&format!(
        "components for target/guests: {}",
        packages.join(", ")
    ));
    packages
        .iter()
        .try_for_each(|package| one(package, root, root))
}

fn one(package: &str, workspace: &Path, root: &Path) -> Result {
    let component = componentize::build(package, workspace, &folder(root))
        .map_err(|e| format!("{package}: {e}"))?;
    let path = folder(root).join(format!("{package}.wasm"));
    let news = match keep(&path, &component)? {
        true => "built",
        false => "as before",
    };
    let kilobytes = component.len().div_ceil(1000);
    eprintln!("    {package}.wasm  {kilobytes} KB, {news}");
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
