//! A graceful stop: messages in transit to the stopping host go to other hosts at once, before
//! their lease expires.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bridge_host::broker::Broker;

use super::Server;
use super::jetstream::{JetStreamServer, settings};
use super::support::{self, GROUP, ack, next, subscribe};

/// Longer than any step of these tests.
const LEASE: Duration = Duration::from_secs(120);
const ROUNDS: usize = 20;

async fn open(server: &JetStreamServer) -> Arc<dyn Broker> {
    let mut settings = settings(server.0.url());
    settings
        .consumers
        .get_mut(GROUP)
        .expect("it has one")
        .ack_wait = LEASE;
    support::open(settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_host_leaves_no_lease() {
    let server = JetStreamServer::start().await;
    // Creates the stream.
    let broker = open(&server).await;
    drop(subscribe(&broker, &["t"]).await);
    broker.close().await;
    let context = super::streams::client(&server.0).await;
    let goes_on = Arc::new(AtomicBool::new(true));
    let load = tokio::spawn({
        let goes_on = goes_on.clone();
        async move {
            let mut sent = 0_usize;
            while goes_on.load(Relaxed) {
                let published = context.publish("t", format!("{sent}").into()).await;
                published.expect("sent").await.expect("kept");
                sent += 1;
            }
            sent
        }
    });
    let mut taken = HashSet::new();
    for _ in 0..ROUNDS {
        let broker = open(&server).await;
        let mut subscription = subscribe(&broker, &["t"]).await;
        for _ in 0..20 {
            taken.insert(ack(next(&mut subscription).await).await);
        }
        drop(subscription);
        broker.close().await;
    }
    goes_on.store(false, Relaxed);
    let sent = load.await.expect("no panic");
    let broker = open(&server).await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    let began = Instant::now();
    while taken.len() < sent {
        taken.insert(ack(next(&mut subscription).await).await);
    }
    assert!(began.elapsed() < LEASE / 2, "{:?}", began.elapsed());
}
