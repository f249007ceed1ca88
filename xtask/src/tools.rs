//! What the tests need besides Rust, each put under target/ once, with a line
//! saying so: the wac command line, components made by other toolchains, and
//! messages from the wild.

mod github;
pub mod nats;
mod python;
mod wac;

use std::path::Path;
use std::process::Command;

use crate::Result;

/// Brings everything that is not there yet.
pub fn ensure(root: &Path) -> Result {
    nats::ensure()?;
    github::ensure(root)?;
    python::ensure(root)?;
    wac::ensure(root)
}

/// Fails with `remedy` where a program cannot be run.
fn need(program: &str, arguments: &[&str], remedy: &str) -> Result {
    let ran = Command::new(program).args(arguments).output();
    match ran.is_ok_and(|output| output.status.success()) {
        true => Ok(()),
        false => Err(remedy.into()),
    }
}
