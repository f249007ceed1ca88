//! What the tests stand on: the real bridge as a process, and a real HTTP
//! server for it to call.

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

/// Longer than anything here takes on a machine with too much to do.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Asks again and again until there is an answer; panics with `what` when
/// there is none for too long.
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

/// Measures until a time is within `most`, five times at the most: something else
/// on the machine may spoil one measurement, not each. Returns all times, of which
/// the last is the good one; panics where none is.
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
