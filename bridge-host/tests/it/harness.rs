//! The test harness: the real bridge as a process, and an HTTP server for it to
//! call.

mod bridge;
mod client;
mod config;
mod dead_letters;
mod disk;
mod endpoint;
mod guests;
mod nats;
mod pem;
mod preload;
mod redis;
mod reply;
mod reserved;
mod server_process;

pub use bridge::{Bridge, Ledger, binary};
pub use client::{Answer, request};
pub use config::Config;
pub use dead_letters::Letter;
pub use disk::Disk;
pub use endpoint::{Endpoint, Received};
pub use guests::guest;
pub use nats::{NatsServer, NatsVersion};
pub use pem::pem;
pub use preload::preload;
pub use redis::RedisServer;
pub use reply::{End, Parts, Reply};
pub use reserved::ReservedAddress;
use server_process::ServerProcess;

use std::time::{Duration, Instant};

/// The time limit of every wait, long enough for a machine under heavy load.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Calls `ask` repeatedly until it returns a value. Panics with `what` after the
/// time limit.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Measures up to five times until a duration is at most `most`, because other
/// processes may spoil some measurements. Returns all durations; the last one is
/// within the limit. Panics if none is.
pub async fn measured(most: Duration, mut once: impl AsyncFnMut() -> Duration) -> Vec<Duration> {
    let mut times = Vec::new();
    while times.len() < 5 {
        times.push(once().await);
        if times.last().is_some_and(|time| *time <= most) {
            return times;
        }
    }
    panic!("{times:?} are all longer than {most:?}");
}
