//! `cargo xtask bench`: prepares and starts the benchmark in bridge-host/benches.

use std::path::Path;

use crate::workspace::{self, say};
use crate::{Result, guests, tools};

/// Builds the components or installs the peers, then builds the benchmark in its
/// own profile, and runs it.
pub fn run(root: &Path, arguments: &[&str]) -> Result {
    tools::nats::ensure()?;
    match arguments {
        ["peers", ..] => tools::peers::ensure(root)?,
        _ => guests::run(root)?,
    }
    say("building the benchmark in the profile `bench`: the first build takes minutes");
    let mut bench = workspace::cargo(root);
    bench
        .args(["bench", "-p", "bridge-host", "--"])
        .args(arguments);
    workspace::run(&mut bench)
}
