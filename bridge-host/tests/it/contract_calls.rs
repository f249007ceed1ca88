//! Calls every function of the contract, and provokes each of its errors, with a real component and
//! a real bridge.

use crate::harness::{Bridge, Config, Endpoint, Letter, guest};

/// Starts a bridge with the probe on `probe.>`. The messages that the probe sends go to an
/// endpoint.
async fn probe(more: &str) -> (Bridge, Endpoint) {
    let endpoint = Endpoint::accepting().await;
    let replies = Config::subscription("replies", "replies.>").to(&endpoint.url("/replies"));
    let config = Config::subscription("probe", "probe.>")
        .component(guest("probe"))
        .attempts(2)
        .lines(more)
        + replies;
    (Bridge::start(&config).await, endpoint)
}

async fn dead_letter_of(bridge: &Bridge, verb: &str, text: &str) -> Letter {
    let id = bridge
        .accept(&format!("probe.{verb}"), &[], text.to_owned())
        .await;
    bridge.dead_letter(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_result_of_handle_has_its_meaning() {
    let (bridge, _) = probe("").await;
    bridge.accept("probe.ok", &[], "").await;
    // Ok without an exchange and without a sent message: filtered.
    bridge
        .ledger_when("probe", |ledger| ledger.filtered == 1)
        .await;

    let other = dead_letter_of(&bridge, "other", "of no use").await;
    assert_eq!((other.attempts, other.status), (1, None));
    assert!(other.reason.contains("of no use"), "{}", other.reason);

    let connection = dead_letter_of(&bridge, "connection", "nobody home").await;
    assert_eq!(connection.attempts, 2);
    assert!(
        connection.reason.contains("nobody home"),
        "{}",
        connection.reason
    );

    let timeout = dead_letter_of(&bridge, "timeout", "").await;
    assert_eq!(timeout.attempts, 2);

    let trap = dead_letter_of(&bridge, "trap", "boom").await;
    assert_eq!(trap.attempts, 2);
    let backtrace = trap.backtrace.expect("a backtrace");
    assert!(backtrace.contains("probe"), "{backtrace}");

    let ledger = bridge.ledger("probe").await;
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!(ledger.dead_lettered, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_getter_and_setter_of_a_message_works() {
    let (bridge, endpoint) = probe("").await;
    let headers = [
        ("content-type", "application/x-thing"),
        ("connection-is-not-this", "kept"),
        ("reply-topic", "replies.echo"),
        ("x-empty", ""),
    ];
    let line = serde_json::json!({
        "topic": "probe.echo", "id": "evt_1", "content-type": "application/x-thing",
        "metadata": {"connection": "embedded", "reply-topic": "replies.echo", "Odd key": "löwe\n"},
        "data_base64": "AP8K",
    });
    let answer = crate::harness::request(
        bridge.intake,
        "POST",
        "/batch",
        &headers[..0],
        format!("{line}\n"),
    )
    .await
    .expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");

    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.header("message-topic"), "replies.echo");
    assert_eq!(received.header("content-type"), "application/x-thing");
    assert_eq!(received.header("reply-topic"), "replies.echo");
    assert_eq!(received.header("odd%20key*"), "UTF-8''l%C3%B6we%0A");
    assert_eq!(&received.body[..], b"\x00\xff\n");
    // A message that was sent while evt_1 was handled has that id and a counter.
    assert_eq!(received.id(), "evt_1.probe.1");
    bridge
        .ledger_when("probe", |ledger| ledger.delivered == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sent_messages_have_the_parents_id_and_a_counter() {
    let (bridge, endpoint) = probe("").await;
    let line = serde_json::json!({
        "topic": "probe.send-many", "id": "evt_2", "data": "3",
        "metadata": {"connection": "embedded", "reply-topic": "replies.many"},
    });
    let answer = crate::harness::request(bridge.intake, "POST", "/batch", &[], line.to_string())
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = endpoint.wait_for(3).await;
    let mut ids: Vec<_> = received.iter().map(|one| one.id()).collect();
    ids.sort();
    assert_eq!(ids, ["evt_2.probe.1", "evt_2.probe.2", "evt_2.probe.3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_components_that_send_lose_nothing_of_each_other() {
    let second = Config::subscription("second", "probe.>").component(guest("probe"));
    let (bridge, endpoint) = probe(&second).await;
    let line = serde_json::json!({
        "topic": "probe.send-many", "id": "evt_4", "data": "2",
        "metadata": {"connection": "embedded", "reply-topic": "replies.many"},
    });
    let answer = crate::harness::request(bridge.intake, "POST", "/batch", &[], line.to_string())
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = endpoint.wait_for(4).await;
    let mut ids: Vec<_> = received.iter().map(|one| one.id()).collect();
    ids.sort();
    assert_eq!(
        ids,
        [
            "evt_4.probe.1",
            "evt_4.probe.2",
            "evt_4.second.1",
            "evt_4.second.2"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_fails_as_the_contract_says() {
    let (bridge, _) = probe("").await;
    let unknown = dead_letter_of(&bridge, "connect", "nowhere").await;
    // error.connection: retried, then a dead letter.
    assert_eq!(unknown.attempts, 2);
    assert!(unknown.reason.contains("nowhere"), "{}", unknown.reason);
    assert!(unknown.reason.contains("embedded"), "{}", unknown.reason);

    let line = serde_json::json!({
        "topic": "probe.echo", "id": "evt_3", "data": "x",
        "metadata": {"connection": "embedded", "reply-topic": "a..b"},
    });
    let answer = crate::harness::request(bridge.intake, "POST", "/batch", &[], line.to_string())
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    // error.other: an invalid topic.
    let refused = bridge.dead_letter("evt_3").await;
    assert_eq!(refused.attempts, 1);
    assert!(refused.reason.contains("empty word"), "{}", refused.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_reach_the_component() {
    let (bridge, _) = probe("settings = { colour = \"green\" }").await;
    let set = dead_letter_of(&bridge, "settings", "colour").await;
    assert!(set.reason.contains("Ok(Some(\"green\"))"), "{}", set.reason);
    let unset = dead_letter_of(&bridge, "settings", "size").await;
    assert!(unset.reason.contains("Ok(None)"), "{}", unset.reason);
    let all = dead_letter_of(&bridge, "settings-all", "").await;
    assert!(all.reason.contains("colour"), "{}", all.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_may_choose_its_topics() {
    let config = format!(
        "[[subscriptions]]\nname = \"probe\"\ncomponent = {:?}\n\
         settings = {{ subscribe = \"probe.other,probe.more.*\" }}\n",
        guest("probe")
    );
    let bridge = Bridge::start(&config).await;
    bridge.accept("probe.ok", &[], "").await;
    let letter = dead_letter_of(&bridge, "other", "asked for").await;
    assert_eq!(letter.topic, "probe.other");
    assert_eq!(bridge.ledger("probe").await.accepted, 1);
}
