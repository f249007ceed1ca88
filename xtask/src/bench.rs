//! `cargo xtask bench`: starts the benchmark with what it needs. What it
//! measures is in bridge-host/benches.

use std::path::Path;

use crate::workspace::{self, say};
use crate::{Result, guests};

/// Builds the components, then the benchmark in its own profile, and runs it.
pub fn run(root: &Path, arguments: &[&str]) -> Result {
    guests::run(root)?;
    say("the benchmark, in its own profile: the first build takes minutes");
    let mut bench = workspace::cargo(root);
    bench
        .args(["bench", "-p", "bridge-host", "--"])
        .args(arguments);
    workspace::run(&mut bench)
}
