//! redis-server, which the tests start: the installed one, or Debian's package if
//! it is missing and can be installed.

use std::process::Command;

use super::require;
use crate::Result;
use crate::workspace::{self, say};

const PROGRAM: &str = "redis-server";
const REMEDY: &str = "the tests need redis-server, 7.0 or later (Debian: apt-get install redis-server; \
elsewhere: https://redis.io/docs/latest/operate/oss_and_stack/install/)";

/// Installs it if it is missing. Tests start servers on other ports than the one
/// that the package may start.
pub fn ensure() -> Result {
    if require(PROGRAM, &["--version"], REMEDY).is_ok() {
        return Ok(());
    }
    let has_apt = Command::new("apt-get").arg("--version").output().is_ok();
    if has_apt && workspace::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0") {
        say("installing Debian's redis-server");
        let mut install = Command::new("apt-get");
        install.env("DEBIAN_FRONTEND", "noninteractive").args([
            "install",
            "-yq",
            "--no-install-recommends",
            PROGRAM,
        ]);
        // A failure is printed here, and the remedy below.
        let _ = workspace::run(&mut install);
    }
    require(PROGRAM, &["--version"], REMEDY)
}
