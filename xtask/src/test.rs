//! `cargo xtask test`: runs all tests on a machine that has only Rust. It
//! installs what the tests need, so no test is skipped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::workspace::{self, say};
use crate::{Result, guests, tools};

/// How many tests passed and failed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

/// Builds the components, installs the tools, and runs the tests whose names
/// contain `filter`. The last line has the totals of all test binaries.
pub fn run(root: &Path, filter: Option<&str>) -> Result {
    let began = Instant::now();
    let packages = workspace::guests(root)?;
    guests::build(root, &packages)?;
    guests::third_party(root)?;
    tools::ensure(root)?;
    say("building and running the tests: wasmtime takes minutes the first time");
    let mut test = workspace::cargo(root);
    test.args(["test", "--no-fail-fast"]);
    workspace::select_native(&mut test, &packages);
    test.args(filter);
    let (tally, succeeded) = run_and_count(&mut test)?;
    say(&format!(
        "tests ended after {} s",
        began.elapsed().as_secs()
    ));
    println!("{} passed, {} failed", tally.passed, tally.failed);
    match (succeeded, tally.passed) {
        (false, _) => Err("some tests failed: see the output above".into()),
        (true, 0) => Err("no test name contains the filter".into()),
        (true, _) => Ok(()),
    }
}

/// Shows the output of the tests and counts the results. Also returns whether
/// cargo succeeded.
fn run_and_count(test: &mut Command) -> Result<(Tally, bool)> {
    let failed = |e: std::io::Error| format!("cannot run the tests: {e}");
    let mut child = test.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut tally = Tally::default();
    let output = child.stdout.take().expect("stdout is piped");
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(failed)?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tally.add(&line);
    }
    let status = child.wait().map_err(failed)?;
    Ok((tally, status.success()))
}

impl Tally {
    /// Adds the summary line of a test binary; ignores other lines.
    fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        let count = |of: &str| {
            let before = counts.split(of).next()?;
            before.trim_end().rsplit(' ').next()?.parse::<u64>().ok()
        };
        self.passed += count(" passed").unwrap_or(0);
        self.failed += count(" failed").unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_summed() {
        let mut tally = Tally::default();
        tally.add("running 2 tests");
        tally.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.04s");
        tally.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!(
            tally,
            Tally {
                passed: 15,
                failed: 2
            }
        );
    }
}
