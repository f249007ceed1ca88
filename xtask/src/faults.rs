//! `cargo xtask faults`: the fault tests on JetStream and Redis with outages of
//! realistic length, and 20,000 failing messages beside healthy ones on each
//! broker. The tests are in bridge-host/tests.

use std::path::Path;

use crate::workspace::{self, say};
use crate::{Result, guests, tools};

/// Runs the tests one after the other, and shows the figures that they print.
pub fn run(root: &Path) -> Result {
    let packages = workspace::guests(root)?;
    guests::build(root, &packages)?;
    tools::servers(root)?;
    say(
        "faults on JetStream and Redis: a server that is silent for a minute, an endpoint that is down for 30 s, a power cut, …; \
         20,000 messages that fail beside healthy ones on each broker",
    );
    let mut test = workspace::cargo(root);
    test.env("FAULTS", "long").arg("test");
    workspace::select_native(&mut test, &packages);
    test.args([
        "--test",
        "it",
        "--",
        "brokers::faults",
        "brokers::power",
        "brokers::beside",
    ])
    .args(["--include-ignored", "--nocapture", "--test-threads=1"]);
    workspace::run(&mut test)
}
