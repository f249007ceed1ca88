//! nats-server, which the tests start by themselves: the system's, or Debian's
//! package where it is missing and can be installed.

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

fn is_there() -> bool {
    program().is_some()
}
