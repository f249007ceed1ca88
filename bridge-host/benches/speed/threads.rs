//! A subscription to JetStream that threads share, as `threads` in a config has
//! it: each with a connection, instances, and its part of what may be in flight.

use std::sync::Barrier;
use std::thread;

use async_nats::jetstream::consumer::PullConsumer;
use bridge_host::delivery::Workers;

use crate::measure::{Round, Watch};
use crate::{IN_FLIGHT, bridge, jetstream};

/// How many share it.
const THREADS: usize = 2;

/// One round of the bridge.
pub fn with_bridge(
    server: &str,
    stream: &str,
    url: &str,
    messages: usize,
    consumer: PullConsumer,
) -> Round {
    let in_flight = IN_FLIGHT / THREADS;
    let ready = Barrier::new(THREADS + 1);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (ready, consumer) = (&ready, consumer.clone());
            scope.spawn(move || {
                let runtime = crate::runtime();
                let subscribe = jetstream::subscribe(server, stream, in_flight);
                let subscription = runtime.block_on(subscribe);
                let handler = bridge::adapter(url);
                ready.wait();
                runtime.block_on(async {
                    let done = async move { jetstream::settled(&consumer).await };
                    let workers = Workers::current();
                    bridge::forward(subscription, handler, in_flight, workers, done).await;
                });
            });
        }
        ready.wait();
        Watch::start()
    })
    .stop(messages)
}
