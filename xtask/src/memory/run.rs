//! The bridge under load, and its memory.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{self, BackgroundProcess};
use crate::{Result, http};

/// How often the progress is printed.
const STEPS: u64 = 10;
/// Without a delivery for this long, the bridge is stuck.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How much memory may grow from the first step to the last, in KiB: allocators
/// keep memory, and pages of the queue's file count as well.
const ALLOWED_GROWTH_KIB: u64 = 32 << 10;

/// How long an instance without calls takes to become idle.
const IDLE_PAUSE: Duration = Duration::from_secs(2);

/// Publishes and delivers the messages, and returns whether memory did not grow.
pub fn run(binary: &Path, folder: &Path, intake: SocketAddr, count: u64) -> Result<bool> {
    let mut bridge = BackgroundProcess::start(
        "bridge-host run",
        process::command(binary, folder).args(["run", "bridge.toml"]),
        &folder.join("bridge.log"),
    )?;
    bridge.wait_for(intake)?;
    let (mut publisher, feeding) = publish(binary, folder, intake, count)?;
    println!("  delivered    pending  seconds  memory (MiB)  at most (MiB)");
    let began = Instant::now();
    let (mut moved, mut last) = (Instant::now(), 0);
    let mut seen = Vec::new();
    while (seen.len() as u64) < STEPS {
        bridge.check_running()?;
        let (delivered, pending) = ledger(intake)?;
        if delivered > last {
            (moved, last) = (Instant::now(), delivered);
        }
        if moved.elapsed() > STALL_TIMEOUT {
            return Err(format!("stuck at {delivered} of {count} messages"));
        }
        if delivered * STEPS >= count * (seen.len() as u64 + 1) {
            let (now, most) = bridge.memory()?;
            let took = began.elapsed().as_secs_f64();
            println!(
                "  {delivered:>9} {pending:>10} {took:>8.1} {:>13.1} {:>14.1}",
                mib(now),
                mib(most)
            );
            seen.push(now);
            continue;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    if !publisher.has_succeeded()? {
        publisher.kill();
    }
    feeding.join().map_err(|_| "the publisher failed")?;
    std::thread::sleep(IDLE_PAUSE);
    bridge.stop()?;
    let (first, end) = (seen[0], seen[seen.len() - 1]);
    println!(
        "  from the first step to the last: {:+.1} MiB",
        mib(end) - mib(first)
    );
    Ok(end <= first + ALLOWED_GROWTH_KIB)
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Starts the publisher, and the thread that feeds it.
fn publish(
    binary: &Path,
    folder: &Path,
    intake: SocketAddr,
    count: u64,
) -> Result<(BackgroundProcess, JoinHandle<()>)> {
    let to = format!("http://{intake}");
    let arguments = ["publish", "--ndjson", "-", "--wait", "--to", &to];
    let (running, mut stdin) = BackgroundProcess::start_with_stdin(
        "bridge-host publish",
        process::command(binary, folder).args(arguments),
        &folder.join("publish.log"),
    )?;
    let feeding = std::thread::spawn(move || {
        // An order, because some handlers expect one, of 1 KB.
        let data = format!("{{\\\"id\\\":1,\\\"amount\\\":250}}{}", " ".repeat(1000));
        for n in 0..count {
            let line = format!("{{\"topic\":\"load.{}\",\"data\":\"{data}\"}}\n", n % 10);
            // The main thread notices that the publisher ended.
            if stdin.write_all(line.as_bytes()).is_err() {
                return;
            }
        }
    });
    Ok((running, feeding))
}

/// Returns how many messages are delivered and pending.
fn ledger(intake: SocketAddr) -> Result<(u64, u64)> {
    let failed = |e: std::io::Error| format!("the bridge does not answer: {e}");
    let (_, body) = http::get(intake, "/ledger").map_err(failed)?;
    let ledger: Value = serde_json::from_str(&body).unwrap_or_default();
    let all = ledger["subscriptions"].as_array();
    let one = all.and_then(|all| all.iter().find(|one| one["name"] == "memory"));
    let figure = |name: &str| one.and_then(|one| one[name].as_u64());
    let both = figure("delivered").zip(figure("pending"));
    both.ok_or_else(|| format!("the bridge answered without a ledger: {body}"))
}
