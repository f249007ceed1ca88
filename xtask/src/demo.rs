//! `cargo xtask demo`: messages through the real bridge to a real endpoint
//! that is slow and fails at times; the bridge is killed in the middle; at the
//! end the ids that went in are compared with those that came out.

mod bridge;
mod messages;
mod progress;
mod received;
mod report;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::{self, Running};
use crate::workspace::{self, say};
use crate::{Result, guests};
use bridge::{Bridge, Ledger};
use messages::Plan;
use progress::Progress;
use received::Received;

/// How the endpoint behaves.
const ENDPOINT: &[&str] = &[
    "--delay",
    "5ms..50ms",
    "--fail",
    "5%",
    "--status",
    "503",
    "--retry-after",
    "1s",
];

/// Messages published in a second.
const PACE: u32 = 250;

/// How long the whole may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(240);

/// How often it looks.
const TICK: Duration = Duration::from_millis(100);

/// Everything that a run of the demo is made of.
struct Demo {
    plan: Plan,
    bridge: Bridge,
    publisher: Option<Running>,
    received: Received,
    progress: Progress,
    began: Instant,
    kill: Kill,
}

/// The one SIGKILL.
enum Kill {
    /// Still to come.
    Ahead,
    /// What the ledger said last before it.
    Done(Ledger),
}

/// Builds what is missing, runs the demo, and fails unless nothing was lost.
pub fn run(root: &Path) -> Result {
    let binary = build(root)?;
    let folder = root.join("target/demo");
    let unusable = |e| format!("cannot use {}: {e}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(unusable)?;
    }
    fs::create_dir_all(&folder).map_err(unusable)?;

    let source = root.join("examples/demo/messages.ndjson");
    let (plan, lines) = messages::plan(&source)?;
    say(&format!("{plan}"));
    let (receiver, url, received) = endpoint(&binary, &folder)?;
    let chain = ["filter", "enrich"].map(|name| guests::folder(root).join(format!("{name}.wasm")));
    let bridge = Bridge::start(&binary, &folder, &chain, &url)?;

    let began = Instant::now();
    let publisher = publish(&binary, &folder, &bridge, lines)?;
    let demo = Demo {
        plan,
        bridge,
        publisher: Some(publisher),
        received,
        progress: Progress::new(began),
        began,
        kill: Kill::Ahead,
    };
    let result = demo.finish();
    drop(receiver);
    eprintln!("    what it left: {}", folder.display());
    result
}

/// The binary, in the profile and with the features of the tests.
fn build(root: &Path) -> Result<PathBuf> {
    let packages = workspace::guests(root)?;
    say("building bridge-host, as the tests do: wasmtime takes minutes the first time");
    let mut build = workspace::cargo(root);
    build.arg("build");
    workspace::native(&mut build, &packages);
    workspace::run(build.args(["--bin", "bridge-host", "--bin", "componentize"]))?;
    guests::build(root, &["filter", "enrich"])?;
    Ok(root.join("target/debug/bridge-host"))
}

/// The endpoint: slow at times, failing at times.
fn endpoint(binary: &Path, folder: &Path) -> Result<(Running, String, Received)> {
    let address = process::free_address()?;
    let log = folder.join("received.ndjson");
    say(&format!(
        "an endpoint on {address} that takes 5 to 50 ms and fails 5 % of the time with 503"
    ));
    let arguments = ["receive", "--quiet", "--address", &address.to_string()];
    let mut running = Running::start(
        "bridge-host receive",
        process::command(binary, folder)
            .args(arguments)
            .args(ENDPOINT)
            .arg("--log")
            .arg(&log),
        &folder.join("receive.log"),
    )?;
    running.wait_for(address)?;
    Ok((
        running,
        format!("http://{address}/hooks/demo"),
        Received::new(log),
    ))
}

/// The publisher, fed at an even pace: latencies are those of a bridge that
/// keeps up, not of a queue that was filled at once.
fn publish(binary: &Path, folder: &Path, bridge: &Bridge, lines: String) -> Result<Running> {
    let to = format!("http://{}", bridge.intake);
    let arguments = ["publish", "--ndjson", "-", "--wait", "--to", &to];
    let (running, mut stdin) = Running::start_fed(
        "bridge-host publish",
        process::command(binary, folder).args(arguments),
        &folder.join("publish.log"),
    )?;
    say(&format!("publishing {PACE} messages a second"));
    std::thread::spawn(move || {
        let began = Instant::now();
        for (n, line) in (0..).zip(lines.split_inclusive('\n')) {
            let due = Duration::from_secs(1) * n / PACE;
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            // A publisher that ended is found by whoever looks after it.
            if stdin.write_all(line.as_bytes()).is_err() {
                return;
            }
        }
    });
    Ok(running)
}

impl Demo {
    fn finish(mut self) -> Result {
        while !self.is_done()? {
            if self.began.elapsed() > PATIENCE {
                let waited = PATIENCE.as_secs();
                return Err(format!(
                    "after {waited} s there are still messages on their way"
                ));
            }
            std::thread::sleep(TICK);
        }
        self.received.update()?;
        let ledger = self.bridge.ledger()?;
        let took = self.began.elapsed();
        self.progress.end();
        self.bridge.stop()?;
        let Kill::Done(before) = self.kill else {
            return Err("all was over before the bridge could be killed".into());
        };
        report::show(&self.plan, &self.received, &before, &ledger, took)
    }

    /// One look: kills the bridge when half has arrived, and tells whether
    /// everything was published and nothing is on its way.
    fn is_done(&mut self) -> Result<bool> {
        self.received.update()?;
        let ledger = self.bridge.ledger()?;
        self.progress.show(&ledger);
        let half = self.plan.arrivals.len() / 2;
        if matches!(self.kill, Kill::Ahead) && self.received.different() >= half {
            self.kill(ledger)?;
            return Ok(false);
        }
        if let Some(publisher) = &mut self.publisher
            && publisher.has_ended_well()?
        {
            self.publisher = None;
        }
        Ok(self.publisher.is_none() && ledger.pending == 0)
    }

    fn kill(&mut self, before: Ledger) -> Result {
        let at = self.began.elapsed();
        let pending = before.pending;
        self.progress.say(&format!(
            "SIGKILL to the bridge, with {pending} messages on their way"
        ));
        self.bridge.kill_and_start_again()?;
        let back = self.began.elapsed() - at;
        self.progress
            .say(&format!("it is back, after {} ms", back.as_millis()));
        self.kill = Kill::Done(before);
        Ok(())
    }
}
