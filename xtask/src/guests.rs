//! `cargo xtask guests`: builds every guest crate to a component in
//! target/guests, also the crates of the third-party workspace. `componentize` builds
//! one crate.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::workspace::{self, say};

/// Returns the folder of the components, where tests and the demo find them.
pub fn folder(root: &Path) -> PathBuf {
    root.join("target/guests")
}

/// HTTP handlers made with other SDKs: their workspace, and its packages.
const THIRD_PARTY: (&str, [&str; 5]) = (
    "bridge-host/tests/third_party",
    [
        "spin-handler",
        "wasip3-handler",
        "wstd-handler",
        "wstd-http-server",
        "wstd-http-server-proxy",
    ],
);

/// Builds all components.
pub fn run(root: &Path) -> Result {
    build(root, &workspace::guests(root)?)?;
    third_party(root)
}

/// Builds the components made with other SDKs, which have many dependencies.
pub fn third_party(root: &Path) -> Result {
    let (workspace, packages) = THIRD_PARTY;
    say(&format!(
        "components made with other SDKs: {}",
        packages.join(", ")
    ));
    componentize(root, &root.join(workspace), &packages)
}

/// Builds these packages, unless cargo finds them up to date.
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
    workspace::select_native(&mut build, &workspace::guests(root)?);
    workspace::run(build.args(["--bin", "componentize"]))?;
    let encoder = root.join("target/debug/componentize");
    workspace::run(
        Command::new(encoder)
            .arg(workspace)
            .arg(folder(root))
            .args(packages),
    )
}
