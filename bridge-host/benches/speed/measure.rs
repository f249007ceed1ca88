//! Time and CPU of one round.

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
}

/// A stopwatch for time and for the CPU of this process.
pub struct Watch {
    began: Instant,
    cpu: Duration,
}

impl Watch {
    pub fn start() -> Self {
        Self {
            began: Instant::now(),
            cpu: cpu(),
        }
    }

    pub fn stop(self, messages: usize) -> Round {
        Round {
            rate: messages as f64 / self.began.elapsed().as_secs_f64(),
            cpu: (cpu() - self.cpu) / messages as u32,
        }
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
