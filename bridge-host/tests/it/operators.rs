//! What an operator does with a running bridge: reads its log, looks at its
//! dead letters, sends them again, lets them go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use crate::harness::{Bridge, Endpoint, Reply};

/// A bridge to an endpoint whose status can be set.
async fn bridge() -> (Bridge, Endpoint, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(400));
    let answer = status.clone();
    let endpoint = Endpoint::start(move |_, _| Reply::status(answer.load(Relaxed))).await;
    let config = format!(
        "[[subscriptions]]\nname = \"all\"\ntopics = [\">\"]\n\
         retry = {{ max_attempts = 3, initial = \"1ms\", max = \"1ms\" }}\n\
         to = {{ url = {:?}, headers = {{ authorization = \"Bearer s3cret\" }} }}\n",
        endpoint.url("/?key=h1dden")
    );
    (Bridge::start(&config).await, endpoint, status)
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_shown_replayed_and_dropped() {
    let (bridge, endpoint, status) = bridge().await;
    let headers = [("content-type", "text/plain"), ("x-tenant", "acme")];
    let first = bridge.accept("orders.new", &headers, "the data").await;
    let second = bridge.accept("orders.new", &[], "more").await;
    let letter = bridge.dead_letter(&first).await;
    let other = bridge.dead_letter(&second).await;
    assert_eq!(
        (letter.subscription.as_str(), letter.status),
        ("all", Some(400))
    );

    let number = letter.letter.to_string();
    let shown = bridge.command(&["deadletters", "show", &number]);
    for expected in [
        first.as_str(),
        "orders.new",
        "x-tenant: acme",
        "the data",
        "400",
    ] {
        assert!(shown.contains(expected), "{expected} is not in {shown}");
    }

    status.store(204, Relaxed);
    assert_eq!(
        bridge.command(&["deadletters", "replay", &number]),
        "1 replayed\n"
    );
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 1)
        .await;
    let again = endpoint.received().pop().expect("a request");
    assert_eq!((again.id(), &again.body[..]), (first, &b"the data"[..]));

    let number = other.letter.to_string();
    assert_eq!(
        bridge.command(&["deadletters", "drop", &number]),
        "1 dropped\n"
    );
    assert_eq!(
        bridge.command(&["deadletters", "list"]),
        "no dead letters\n"
    );
    let ledger = bridge.ledger("all").await;
    assert!(ledger.balances() && ledger.accepted == 2, "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_found_by_its_id_and_tells_no_secret() {
    let (bridge, _, status) = bridge().await;
    status.store(503, Relaxed);
    let id = bridge
        .accept("orders.new", &[("x-token", "t0ken")], "the data")
        .await;
    bridge.dead_letter(&id).await;
    let log = bridge.log();
    let story: Vec<serde_json::Value> = log
        .iter()
        .filter(|line| line.contains(&id))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let verdicts: Vec<_> = story.iter().map(|line| line["verdict"].as_str()).collect();
    assert_eq!(
        verdicts,
        [Some("retry"), Some("retry"), Some("dead letter")]
    );
    assert!(story.iter().all(|line| line["status"] == 503), "{story:?}");
    assert!(
        story.iter().all(|line| line["subscription"] == "all"),
        "{story:?}"
    );
    let all = log.join("\n");
    for secret in ["s3cret", "h1dden", "t0ken", "the data"] {
        assert!(!all.contains(secret), "{secret} is in the log");
    }
}
