//! Time and CPU of one round, and how idle the machine was meanwhile.

use std::time::{Duration, Instant};

/// Which side a round is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// hyper and a loop.
    Native,
    /// The bridge: delivery engine, component, adapter.
    Bridge,
}

/// What one round took.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Messages a second.
    pub rate: f64,
    /// Of this process, a message.
    pub cpu: Duration,
    /// Of all the machine's CPU, in percent: with much of it the round shows how
    /// long a message takes, not how much of it.
    pub idle: f64,
}

/// A stopwatch for time and for the CPU of this process.
pub struct Watch {
    began: Instant,
    cpu: Duration,
    machine: Machine,
}

impl Watch {
    pub fn start() -> Self {
        Self {
            began: Instant::now(),
            cpu: cpu(),
            machine: machine(),
        }
    }

    pub fn stop(self, messages: usize) -> Round {
        Round {
            rate: messages as f64 / self.began.elapsed().as_secs_f64(),
            cpu: (cpu() - self.cpu) / messages as u32,
            idle: machine().idle_since(&self.machine),
        }
    }
}

/// Time of all its CPUs so far, in steps of 10 ms.
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
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
    let ticks = line.split_whitespace().skip(1).take(8);
    let ticks: Vec<u64> = ticks.map(|n| n.parse().expect("a number")).collect();
    Machine {
        idle: ticks[3] + ticks[4],
        all: ticks.iter().sum(),
    }
}

/// User and system time of this process so far, in steps of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .sum();
    Duration::from_millis(ticks * 10)
}
