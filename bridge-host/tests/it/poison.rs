//! A message that crashes the host is found among the messages in flight, and
//! becomes a dead letter. The other messages are delivered, and no attempt is
//! counted against them.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::harness::{Bridge, Endpoint, Letter, NatsServer, Reply, request, until};

const INNOCENTS: usize = 10;
const REASON: &str = "the host crashed 3 times while this message was the only one in flight";

/// Starts a slow endpoint. When `poison` arrives, it kills the bridge with this
/// process id.
async fn endpoint(bridge: Arc<AtomicU32>) -> Endpoint {
    Endpoint::start(move |received, _| {
        if received.body == "poison" {
            let process = bridge.load(Ordering::SeqCst).to_string();
            let killed = Command::new("kill").args(["-KILL", &process]).status();
            assert!(killed.expect("kill").success());
        }
        Reply::status(204).after(Duration::from_millis(100))
    })
    .await
}

/// Publishes poison among other messages, and restarts the bridge until nothing
/// is pending. Returns the endpoint, the bridge and the id of the poison message.
async fn run(top: &str, more: &str) -> (Endpoint, Bridge, String) {
    let process = Arc::new(AtomicU32::new(0));
    let endpoint = endpoint(process.clone()).await;
    let config = format!(
        "{top}\n[[subscriptions]]\nname = \"all\"\ntopics = [\"load.>\"]\nto = {:?}\n\
         retry = {{ max_attempts = 12, initial_delay = \"10ms\", max_delay = \"50ms\" }}\n{more}",
        endpoint.url("/")
    );
    let mut bridge = match more.contains("from") {
        true => Bridge::start_into("events", &config).await,
        false => Bridge::start(&config).await,
    };
    process.store(bridge.process(), Ordering::SeqCst);
    let lines: String = (0..=INNOCENTS)
        .map(|n| {
            let data = if n == INNOCENTS / 2 { "poison" } else { "x" };
            format!("{{\"topic\":\"load.{n}\",\"id\":\"load-{n}\",\"data\":\"{data}\"}}\n")
        })
        .collect();
    // The bridge may crash before it answers.
    let _ = request(bridge.intake, "POST", "/batch", &[], lines).await;
    for _ in 0..8 {
        let ended = until("a crash of the host, or the last message", || async {
            match bridge.has_ended() {
                true => Some(true),
                false => settled(&bridge).await.then_some(false),
            }
        });
        if !ended.await {
            return (endpoint, bridge, format!("load-{}", INNOCENTS / 2));
        }
        bridge = Bridge::start_in(bridge.kill()).await;
        process.store(bridge.process(), Ordering::SeqCst);
    }
    panic!("the host crashed again and again");
}

/// Returns whether messages were accepted and none is pending.
async fn settled(bridge: &Bridge) -> bool {
    let Ok(answer) = request(bridge.intake, "GET", "/ledger", &[], "").await else {
        return false;
    };
    let ledger = &answer.json()["subscriptions"][0];
    ledger["dead_lettered"] == 1 && ledger["pending"] == 0
}

fn count(endpoint: &Endpoint, body: &str) -> usize {
    let received = endpoint.received();
    received.iter().filter(|one| one.body == body).count()
}

#[track_caller]
fn check(endpoint: &Endpoint, letters: &[Letter], poison: &str) {
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!((&*letters[0].id, &*letters[0].reason), (poison, REASON));
    // Once among others, and three times alone.
    let requests = count(endpoint, "poison");
    assert!((3..=4).contains(&requests), "{requests} requests");
    let ids: HashSet<_> = endpoint.received().iter().map(|one| one.id()).collect();
    assert_eq!(ids.len(), INNOCENTS + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_crashes_the_host_is_given_up() {
    let (endpoint, bridge, poison) = run("", "max_in_flight = 11\n").await;
    check(&endpoint, &bridge.dead_letters(), &poison);
    let ledger = bridge.ledger("all").await;
    assert_eq!(ledger.delivered as usize, INNOCENTS, "{ledger:?}");
    assert!(ledger.balances());
    let log = bridge.log();
    let told = |what: &str| log.iter().filter(|line| line.contains(what)).count();
    assert_eq!(told("the host crashed while messages were in flight"), 1);
    let charged = |line: &&String| line.contains("delivered") && !line.contains("\"attempt\":1,");
    let charged: Vec<_> = log.iter().filter(charged).collect();
    assert!(charged.is_empty(), "{charged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_crashes_the_host_is_given_up_in_order() {
    let (endpoint, bridge, poison) = run("", "max_in_flight = 1\n").await;
    check(&endpoint, &bridge.dead_letters(), &poison);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_crashes_the_host_is_given_up_by_key() {
    let more = "order_key = { metadata = \"key\" }\n";
    let (endpoint, bridge, poison) = run("", more).await;
    check(&endpoint, &bridge.dead_letters(), &poison);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_crashes_the_host_is_given_up_on_jetstream() {
    let server = NatsServer::start().await;
    let top = format!(
        "connections.events = {{ type = \"jetstream\", url = \"nats://{}\" }}\n",
        server.address
    );
    let more = "from = \"events\"\nconsumer = { ack_wait = \"2s\" }\n";
    let (endpoint, bridge, poison) = run(&top, more).await;
    check(&endpoint, &bridge.dead_letters(), &poison);
}

/// A host that was told to stop may be killed during a delivery, which is not the
/// fault of the message.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_stopped_blames_no_message() {
    let endpoint =
        Endpoint::start(|_, _| Reply::status(204).after(Duration::from_secs(3600))).await;
    let config = format!(
        "[[subscriptions]]\nname = \"all\"\ntopics = [\">\"]\nto = {:?}\n",
        endpoint.url("/")
    );
    let mut bridge = Bridge::start(&config).await;
    bridge.accept("load", &[], "slow").await;
    for n in 1..=4 {
        endpoint.wait_for(n).await;
        bridge.signal("TERM");
        until("the drain", || async {
            bridge
                .log()
                .iter()
                .any(|line| line.contains("draining"))
                .then_some(())
        })
        .await;
        bridge.signal("TERM");
        bridge = Bridge::start_in(bridge.kill()).await;
    }
    endpoint.wait_for(5).await;
    assert_eq!(bridge.ledger("all").await.pending, 1);
}
