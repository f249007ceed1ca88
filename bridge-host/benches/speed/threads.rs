//! A subscription to JetStream that threads share, as `threads` in a config has
//! it: each with a connection, instances, and its part of what may be in flight.

use std::sync::Barrier;
use std::thread;

use tokio::runtime::Handle;

use crate::jetstream::Filled;
use crate::measure::{Round, Watch};
use crate::{IN_FLIGHT, bridge};

/// How many share it.
const THREADS: usize = 2;

/// One round of the bridge.
pub fn with_bridge(filled: &Filled<'_>) -> Round {
    let in_flight = IN_FLIGHT / THREADS;
    let ready = Barrier::new(THREADS + 1);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let runtime = crate::runtime();
                let subscription = runtime.block_on(filled.subscribe(in_flight));
                let handler = bridge::adapter(filled.url);
                ready.wait();
                runtime.block_on(async {
                    let done = filled.settled();
                    let runtime = Handle::current();
                    bridge::forward(subscription, handler, in_flight, runtime, done).await;
                });
            });
        }
        ready.wait();
        Watch::start()
    })
    .stop(filled.messages)
}
