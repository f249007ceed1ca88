//! The contract as users see it: one or two real bridges on a broker.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::Duration;

use super::{Remote, Server};
use crate::harness::{Bridge, Endpoint, Reply, binary, until};

/// Returns a config with one subscription to `orders.>`.
pub fn config(server: &impl Server, endpoint: &Endpoint, more: &str) -> String {
    format!(
        "{}\n[shutdown]\ndrain_timeout = \"10s\"\n[[subscriptions]]\nname = \"orders\"\nfrom = {:?}\n\
         topics = [\"orders.>\"]\nto = {:?}\n{}{more}\n",
        server.config(),
        server.from(),
        endpoint.url("/"),
        server.subscription()
    )
}

pub async fn bridge(server: &impl Server, endpoint: &Endpoint, more: &str) -> Bridge {
    let config = config(server, endpoint, more);
    Bridge::start_into(server.from(), &config).await
}

/// Returns the ids that arrived, and how many arrived more than once.
pub fn arrived(endpoint: &Endpoint) -> (HashSet<String>, usize) {
    let received = endpoint.received();
    let ids: HashSet<_> = received.iter().map(|one| one.id()).collect();
    let duplicates = received.len() - ids.len();
    (ids, duplicates)
}

pub async fn accept(bridge: &Bridge, count: usize) -> HashSet<String> {
    let mut ids = HashSet::new();
    for n in 0..count {
        ids.insert(bridge.accept("orders.new", &[], format!("{n}")).await);
    }
    ids
}

async fn is_shared<S: Server>(server: &S) -> bool {
    server.connect().await.capabilities().shared
}

/// The first host continues.
pub async fn a_second_host_is_refused<S: Server>() {
    let server = S::start().await;
    assert!(!is_shared(&server).await);
    let endpoint = Endpoint::accepting().await;
    let first = bridge(&server, &endpoint, "").await;
    let mut second = Command::new(binary());
    second
        .args(["run", "bridge.toml"])
        .current_dir(first.folder.path());
    let output = second.output().expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(
        error.contains("another bridge-host uses the embedded broker"),
        "{error}"
    );
    let accepted = accept(&first, 1).await;
    endpoint.wait_for(1).await;
    assert_eq!(arrived(&endpoint), (accepted, 0));
}

pub async fn two_hosts_share<S: Remote>() {
    let server = S::start().await;
    assert!(is_shared(&server).await);
    let slow = Duration::from_millis(20);
    let endpoint = Endpoint::start(move |_, _| Reply::status(204).after(slow)).await;
    let few = "max_in_flight = 4";
    let first = bridge(&server, &endpoint, few).await;
    let second = bridge(&server, &endpoint, few).await;
    let accepted = accept(&first, 200).await;
    endpoint.wait_for(200).await;
    let both = async || {
        (
            first.ledger("orders").await.delivered,
            second.ledger("orders").await.delivered,
        )
    };
    let (one, two) = until("both hosts' books", async || {
        let (one, two) = both().await;
        (one + two >= 200).then_some((one, two))
    })
    .await;
    assert!(one > 20 && two > 20, "{one} and {two}");
    let (ids, duplicates) = arrived(&endpoint);
    assert_eq!((ids, duplicates), (accepted, 0));
}

pub async fn a_draining_host_leaves_other_messages_to_the_other_host<S: Remote>() {
    let server = S::start().await;
    let endpoint = Endpoint::start(|received, _| {
        let millis = match &received.body[..] {
            b"slow" => 8000,
            b"soon" => 1000,
            _ => 0,
        };
        Reply::status(204).after(Duration::from_millis(millis))
    })
    .await;
    let first = bridge(&server, &endpoint, "max_in_flight = 2").await;
    for data in ["slow", "soon"] {
        first.accept("orders.new", &[], data).await;
    }
    endpoint.wait_for(2).await;
    let second = bridge(&server, &endpoint, "").await;
    first.signal("TERM");
    // From then on, one of the bridge's permits is free.
    first.ledger_when("orders", |it| it.delivered == 1).await;
    accept(&second, 50).await;
    endpoint.wait_for(52).await;
    assert!(
        !first.has_ended(),
        "they arrived once the first had drained"
    );
}

pub async fn another_host_takes_over_from_a_killed_one<S: Remote>() {
    let server = S::start().await;
    let slow = Duration::from_millis(50);
    let endpoint = Endpoint::start(move |_, _| Reply::status(204).after(slow)).await;
    let can = server.connect().await.capabilities();
    let few = "max_in_flight = 4";
    let first = bridge(&server, &endpoint, few).await;
    let second = bridge(&server, &endpoint, few).await;
    let mut accepted = accept(&second, 100).await;
    endpoint.wait_for(30).await;
    drop(first.kill());
    if !can.at_least_once {
        // Messages of the killed host are lost, as documented; new ones reach the other host.
        let before = endpoint.received().len();
        accept(&second, 20).await;
        endpoint.wait_for(before + 20).await;
        return;
    }
    accepted.extend(accept(&second, 20).await);
    until("all messages", async || {
        let (ids, _) = arrived(&endpoint);
        accepted.is_subset(&ids).then_some(())
    })
    .await;
    let (_, duplicates) = arrived(&endpoint);
    assert!(duplicates <= 8, "{duplicates} duplicates");
}

pub async fn dead_letters_are_kept_shown_and_replayed<S: Server>() {
    let server = S::start().await;
    let status = Arc::new(AtomicU16::new(400));
    let answer = status.clone();
    let endpoint = Endpoint::start(move |_, _| Reply::status(answer.load(Relaxed))).await;
    let quick = "retry = { max_attempts = 3, initial_delay = \"1ms\", max_delay = \"1ms\" }";
    let bridge = bridge(&server, &endpoint, quick).await;
    let headers = [("content-type", "text/plain"), ("x-tenant", "acme")];
    let id = bridge.accept("orders.new", &headers, "the data").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.status, letter.attempts), (Some(400), 1));
    assert_eq!(
        (letter.subscription.as_str(), letter.topic.as_str()),
        ("orders", "orders.new")
    );

    let number = letter.letter.to_string();
    let shown = bridge.command(&["dead-letters", "show", &number]);
    for expected in ["x-tenant: acme", "text/plain", "the data", "400"] {
        assert!(shown.contains(expected), "{expected} is not in {shown}");
    }
    let is_given_up =
        |ledger: &crate::harness::Ledger| (ledger.dead_lettered, ledger.pending) == (1, 0);
    bridge.ledger_when("orders", is_given_up).await;

    // After all attempts failed again, there is one dead letter, not two.
    status.store(503, Relaxed);
    let replay = |number: &str| bridge.command(&["dead-letters", "replay", number]);
    assert_eq!(replay(&number), "1 replayed\n");
    let again = bridge.dead_letter(&id).await;
    assert_eq!((again.status, again.attempts), (Some(503), 3));
    assert_eq!(bridge.dead_letters().len(), 1);

    status.store(204, Relaxed);
    replay(&again.letter.to_string());
    let ledger = bridge
        .ledger_when("orders", |ledger| ledger.delivered == 1)
        .await;
    assert!(ledger.balances() && ledger.dead_lettered == 0, "{ledger:?}");
    let last = endpoint.received().pop().expect("a request");
    assert_eq!((last.id(), &last.body[..]), (id, &b"the data"[..]));
    assert_eq!(
        (last.header("x-tenant"), last.header("content-type")),
        ("acme", "text/plain")
    );
}

pub async fn a_shutdown_drains<S: Server>() {
    let server = S::start().await;
    let slow = Duration::from_millis(500);
    let endpoint = Endpoint::start(move |_, _| Reply::status(204).after(slow)).await;
    let bridge = bridge(&server, &endpoint, "").await;
    let accepted = accept(&bridge, 5).await;
    endpoint.wait_for(5).await;
    let (status, folder) = bridge.stop();
    assert!(status.success(), "{status}");
    // All messages were acknowledged before the end, so none is delivered twice.
    let bridge = Bridge::start_in(folder).await;
    let last = bridge.accept("orders.new", &[], "last").await;
    // A message that will be redelivered would be pending.
    bridge.ledger_when("orders", |it| it.pending == 0).await;
    let (mut ids, duplicates) = arrived(&endpoint);
    assert_eq!(duplicates, 0);
    assert!(ids.remove(&last));
    assert_eq!(ids, accepted);
    assert_eq!(bridge.ledger("orders").await.dead_lettered, 0);
}
