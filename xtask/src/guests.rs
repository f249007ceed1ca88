//! `cargo xtask guests`: every guest crate as a component in target/guests, those
//! of a stranger's workspace included.
//! How one is built is `componentize`'s matter.

use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Builds those of other SDKs, which bring many dependencies.
pub fn strangers(root: &Path) -> Result {
    let (workspace, packages) = STRANGERS;
    say(&format!("and of others' SDKs: {}", packages.join(", ")));
    componentize(root, &root.join(workspace), &packages)
}

/// Builds these packages. Cargo decides what is up to date.
pub fn build(root: &Path, packages: &[impl AsRef<str>]) -> Result {
    let packages: Vec<&str> = packages.iter().map(AsRef::as_ref).collect();
    say(&format!(
        "components for target/guests: {}",
        packages.join(", ")
    ));
    componentize(root, root, &packages)
}

/// Builds the encoder with the features of the tests, so that it shares their
/// dependencies, and runs it.
fn componentize(root: &Path, workspace: &Path, packages: &[&str]) -> Result {
    let mut build = workspace::cargo(root);
    build.args(["build", "--quiet"]);
    workspace::native(&mut build, &workspace::guests(root)?);
    workspace::run(build.args(["--bin", "componentize"]))?;
    let encoder = root.join("target/debug/componentize");
    workspace::run(
        Command::new(encoder)
            .arg(workspace)
            .arg(folder(root))
            .args(packages),
    )
}
