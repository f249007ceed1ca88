//! A subscription to JetStream on several threads, as with the setting `threads`:
//! each thread has a connection, instances, and its share of the permits.

use std::sync::Barrier;
use std::thread;

use tokio::runtime::Handle;

use crate::jetstream::FilledStream;
use crate::measure::{Round, Stopwatch};
use crate::{IN_FLIGHT, bridge};

/// How many threads share the subscription.
const THREADS: usize = 2;

/// Runs one round of the bridge.
pub fn with_bridge(filled: &FilledStream<'_>) -> Round {
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
        Stopwatch::start()
    })
    .stop(filled.messages)
}
