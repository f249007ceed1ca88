//! The wac CLI, which users compose components with: target/tools/bin/wac.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::workspace::{self, say};

const VERSION: &str = "0.12.0";

/// Installs it if it is missing or has another version.
pub fn ensure(root: &Path) -> Result {
    let tools = root.join("target/tools");
    let there = workspace::output(Command::new(tools.join("bin/wac")).arg("--version"));
    if there.is_ok_and(|text| text.split_whitespace().any(|word| word == VERSION)) {
        return Ok(());
    }
    say(&format!(
        "installing wac-cli {VERSION} to target/tools: once, 2 to 4 minutes"
    ));
    let mut install = workspace::cargo(root);
    // Without the registry client and with little optimisation, it builds in a
    // third of the time. The tests compose files only.
    install
        .args(["install", "wac-cli", "--version", VERSION, "--locked"])
        .args(["--no-default-features", "--features", "wit", "--root"])
        .arg(&tools)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    workspace::run(&mut install)
}
