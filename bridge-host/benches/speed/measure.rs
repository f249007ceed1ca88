//! Time and CPU of one round, and how idle the machine was during the round.

use std::time::{Duration, Instant};

/// What a round measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The native forwarder: hyper and a loop.
    Native,
    /// The bridge: delivery engine, component, adapter.
    Bridge,
}

/// The result of a round.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Messages per second.
    pub rate: f64,
    /// CPU time of the process that forwards, per message.
    pub cpu: Duration,
    /// The idle share of the machine's CPUs, in percent. If it is large, the rate
    /// shows the latency of a message, not its CPU time.
    pub idle: f64,
}

/// A stopwatch for time and for the CPU of one process.
pub struct Stopwatch {
    process: String,
    began: Instant,
    cpu: Duration,
    machine: Machine,
}

impl Stopwatch {
    /// Starts a stopwatch for this process.
    pub fn start() -> Self {
        Self::on("self")
    }

    /// Starts a stopwatch for the process with this id.
    pub fn on(process: impl ToString) -> Self {
        let process = process.to_string();
        Self {
            began: Instant::now(),
            cpu: cpu(&process),
            process,
            machine: machine(),
        }
    }

    pub fn stop(self, messages: usize) -> Round {
        Round {
            rate: messages as f64 / self.began.elapsed().as_secs_f64(),
            cpu: (cpu(&self.process) - self.cpu) / messages as u32,
            idle: machine().idle_since(&self.machine),
        }
    }
}

/// The CPU time of all cores so far, in steps of 10 ms.
struct Machine {
    idle: u64,
    all: u64,
}

impl Machine {
    fn idle_since(&self, before: &Self) -> f64 {
        100.0 * (self.idle - before.idle) as f64 / (self.all - before.all).max(1) as f64
    }
}

fn machine() -> Machine {
    let stat = std::fs::read_to_string("/proc/stat").expect("Linux");
    let line = stat.lines().next().expect("a line for all");
    // The columns: user, nice, system, idle, iowait, irq, softirq, steal. Guest
    // time is part of user time.
    let ticks = line.split_whitespace().skip(1).take(8);
    let ticks: Vec<u64> = ticks.map(|n| n.parse().expect("a number")).collect();
    Machine {
        idle: ticks[3] + ticks[4],
        all: ticks.iter().sum(),
    }
}

/// Returns the user and system time of a process so far, in steps of 10 ms.
fn cpu(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    let stat = stat.expect("a running process on Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .sum();
    Duration::from_millis(ticks * 10)
}
