//! `cargo xtask demo`: sends messages through the real bridge to an endpoint that
//! is sometimes slow and sometimes fails, and kills the bridge in the middle. At
//! the end it compares the published ids with those that arrived.

mod bridge;
mod messages;
mod progress;
mod received;
mod report;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::{self, BackgroundProcess};
use crate::workspace::{self, say};
use crate::{Result, guests};
use bridge::{Bridge, Ledger};
use messages::Plan;
use progress::Progress;
use received::Received;

/// The arguments that make the endpoint slow and unreliable.
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

/// How many messages are published per second.
const MESSAGES_PER_SECOND: u32 = 250;

/// The time limit of the whole run.
const TIME_LIMIT: Duration = Duration::from_secs(240);

/// The time between two looks at the progress.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The state of a run.
struct Demo {
    plan: Plan,
    bridge: Bridge,
    publisher: Option<BackgroundProcess>,
    received: Received,
    progress: Progress,
    began: Instant,
    kill: KillState,
}

/// Whether the bridge was killed.
enum KillState {
    /// Not yet.
    Pending,
    /// It was, after the ledger had shown this.
    Done(Ledger),
}

/// Builds what is missing, and runs the demo. Fails if a message was lost.
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
        kill: KillState::Pending,
    };
    let result = demo.finish();
    drop(receiver);
    eprintln!("    its files: {}", folder.display());
    result
}

/// Builds the binary, with the profile and the features of the tests.
fn build(root: &Path) -> Result<PathBuf> {
    let packages = workspace::guests(root)?;
    say("building bridge-host, as the tests do: wasmtime takes minutes the first time");
    let mut build = workspace::cargo(root);
    build.arg("build");
    workspace::select_native(&mut build, &packages);
    workspace::run(build.args(["--bin", "bridge-host", "--bin", "componentize"]))?;
    guests::build(root, &["filter", "enrich"])?;
    Ok(root.join("target/debug/bridge-host"))
}

/// Starts the endpoint, which is sometimes slow and sometimes fails.
fn endpoint(binary: &Path, folder: &Path) -> Result<(BackgroundProcess, String, Received)> {
    let address = process::free_address()?;
    let log = folder.join("received.ndjson");
    say(&format!(
        "an endpoint on {address} that takes 5 to 50 ms and fails 5 % of the time with 503"
    ));
    let arguments = ["receive", "--quiet", "--address", &address.to_string()];
    let mut running = BackgroundProcess::start(
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

/// Starts the publisher, and feeds it evenly: so the figures are the
/// latencies of a bridge that keeps up, not of a queue that was filled at once.
fn publish(
    binary: &Path,
    folder: &Path,
    bridge: &Bridge,
    lines: String,
) -> Result<BackgroundProcess> {
    let to = format!("http://{}", bridge.intake);
    let arguments = ["publish", "--ndjson", "-", "--wait", "--to", &to];
    let (running, mut stdin) = BackgroundProcess::start_with_stdin(
        "bridge-host publish",
        process::command(binary, folder).args(arguments),
        &folder.join("publish.log"),
    )?;
    say(&format!(
        "publishing {MESSAGES_PER_SECOND} messages per second"
    ));
    std::thread::spawn(move || {
        let began = Instant::now();
        for (n, line) in (0..).zip(lines.split_inclusive('\n')) {
            let due = Duration::from_secs(1) * n / MESSAGES_PER_SECOND;
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            // The main thread notices that the publisher ended.
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
            if self.began.elapsed() > TIME_LIMIT {
                let waited = TIME_LIMIT.as_secs();
                return Err(format!("messages are still pending after {waited} s"));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        self.received.update()?;
        let ledger = self.bridge.ledger()?;
        let took = self.began.elapsed();
        self.progress.end();
        self.bridge.stop()?;
        let KillState::Done(before) = self.kill else {
            return Err("all messages were delivered before the bridge could be killed".into());
        };
        report::show(&self.plan, &self.received, &before, &ledger, took)
    }

    /// Looks at the progress once, and kills the bridge when half of the messages
    /// have arrived. Returns whether everything is published and nothing is pending.
    fn is_done(&mut self) -> Result<bool> {
        self.received.update()?;
        let ledger = self.bridge.ledger()?;
        self.progress.show(&ledger);
        let half = self.plan.arrivals.len() / 2;
        if matches!(self.kill, KillState::Pending) && self.received.different() >= half {
            self.kill(ledger)?;
            return Ok(false);
        }
        if let Some(publisher) = &mut self.publisher
            && publisher.has_succeeded()?
        {
            self.publisher = None;
        }
        Ok(self.publisher.is_none() && ledger.pending == 0)
    }

    fn kill(&mut self, before: Ledger) -> Result {
        let at = self.began.elapsed();
        let pending = before.pending;
        self.progress.say(&format!(
            "SIGKILL to the bridge, with {pending} messages pending"
        ));
        self.bridge.kill_and_restart()?;
        let back = self.began.elapsed() - at;
        self.progress
            .say(&format!("it is back, after {} ms", back.as_millis()));
        self.kill = KillState::Done(before);
        Ok(())
    }
}
