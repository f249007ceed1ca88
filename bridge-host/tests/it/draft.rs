//! Components that use the newest draft of wasi:messaging: alone, in chains, and with requests and
//! replies.

use std::process::Command;

use crate::guests_of_others::wac;
use crate::harness::{Bridge, Config, Endpoint, NatsServer, binary, guest};

/// Returns a subscription of the desk to these topics of this connection.
fn desk(name: &str, from: &str, topics: &str) -> Config {
    Config::subscription(name, topics)
        .from(from)
        .component(guest("draft-desk"))
        .attempts(2)
        .lines("timeout = \"20s\"")
}

/// Returns a subscription that forwards the answers on this connection to the endpoint.
fn answers(from: &str, endpoint: &Endpoint) -> Config {
    let answers = Config::subscription("answers", "answers").from(from);
    answers.to(&endpoint.url("/"))
}

fn nats(server: &NatsServer) -> String {
    format!(
        "[connections.events]\ntype = \"nats\"\nurl = {:?}\n",
        server.url()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn results_mean_the_same_as_in_the_published_contract() {
    let bridge = Bridge::start(&desk("desk", "embedded", "desk.>")).await;
    for (verb, attempts, words) in [
        ("timeout", 2, "timed out"),
        ("denied", 1, "permission denied: the desk is closed"),
        ("other", 1, "the desk was told to"),
        ("trap", 2, "gave up after 2 attempts"),
    ] {
        let id = bridge.accept(&format!("desk.{verb}"), &[], "x").await;
        let letter = bridge.dead_letter(&id).await;
        assert_eq!(letter.attempts, attempts, "{letter:?}");
        assert!(letter.reason.contains(words), "{letter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_sends_is_published() {
    let endpoint = Endpoint::accepting().await;
    let config = desk("desk", "embedded", "desk.>") + answers("embedded", &endpoint);
    let bridge = Bridge::start(&config).await;
    let headers = [
        ("client", "embedded"),
        ("topic", "answers"),
        ("content-type", "text/x-desk"),
    ];
    let id = bridge.accept("desk.send", &headers, "hello").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.id(), format!("{id}.desk.1"));
    assert_eq!(received.header("content-type"), "text/x-desk");
    assert_eq!(received.header("x-from"), "desk");
    assert_eq!(received.body, "hello");
    let ledger = bridge.ledger_when("desk", |it| it.pending == 0).await;
    assert_eq!((ledger.delivered, ledger.filtered), (1, 0));
    let unknown = [("client", "nowhere"), ("topic", "answers")];
    let id = bridge.accept("desk.send", &unknown, "hello").await;
    let letter = bridge.dead_letter(&id).await;
    assert!(
        letter.reason.contains("no connection is named \"nowhere\""),
        "{letter:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_the_draft_filters_and_forwards() {
    filters(&format!("chain = [{:?}]", guest("draft-filter"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_plugged_by_wac_filters_and_forwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let mut adapter = Command::new(binary());
    adapter.args(["adapter", "--kind", "forward-draft", "-o"]);
    let mut plug = Command::new(wac());
    plug.arg("plug").arg(guest("draft-filter")).arg("--plug");
    for command in [
        adapter.arg(path("adapter.wasm")),
        plug.arg(path("adapter.wasm"))
            .arg("-o")
            .arg(path("whole.wasm")),
    ] {
        let output = command.output().expect("the tool runs");
        assert!(output.status.success(), "{output:?}");
    }
    filters(&format!("component = {:?}", path("whole.wasm"))).await;
}

/// Checks that the filter works in a subscription with this line.
async fn filters(component: &str) {
    let endpoint = Endpoint::accepting().await;
    let config = Config::subscription("filter", ">")
        .lines(component)
        .to(&endpoint.url("/in"))
        .lines("settings = { least = \"5\" }");
    let bridge = Bridge::start(&config).await;
    let headers = [("content-type", "text/plain"), ("x-kept", "yes")];
    let id = bridge.accept("a.topic", &headers, "enough").await;
    bridge.accept("a.topic", &headers, "less").await;
    let ledger = bridge
        .ledger_when("filter", |it| it.pending == 0 && it.accepted == 2)
        .await;
    assert_eq!((ledger.delivered, ledger.filtered), (1, 1));
    let received = endpoint.received().remove(0);
    assert_eq!((received.path.as_str(), received.id()), ("/in", id));
    for (name, value) in [
        ("content-type", "text/plain"),
        ("message-topic", "a.topic"),
        ("x-kept", "yes"),
        ("x-seen-by", "draft"),
    ] {
        assert_eq!(received.header(name), value, "{name}");
    }
    assert!(received.headers.get("x-secret").is_none());
    assert_eq!(received.body, "enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_gets_the_replies_of_another_component() {
    let server = NatsServer::start().await;
    let endpoint = Endpoint::accepting().await;
    let config = nats(&server)
        + &desk("asks", "embedded", "questions.>")
        + &desk("replies", "events", "desk.>")
        + &answers("events", &endpoint);
    let bridge = Bridge::start(&config).await;
    let mut headers = vec![
        ("client", "events"),
        ("topic", "desk.reply"),
        ("to", "answers"),
        ("replies", "2"),
        ("content-type", "text/x-question"),
    ];
    bridge.accept("questions.ask", &headers, "why?").await;
    let received = endpoint.wait_for(2).await;
    // Both are forwarded at the same time.
    let mut bodies: Vec<_> = received.iter().map(|it| it.body.clone()).collect();
    bodies.sort();
    assert_eq!(bodies, ["second", "why?"]);
    for reply in &received {
        assert_eq!(reply.header("x-from"), "desk");
        assert_eq!(reply.header("content-type"), "text/x-question");
    }
    bridge.ledger_when("asks", |it| it.delivered == 1).await;

    // This message was not a request: a reply to it succeeds, and sends nothing.
    let publish = [("client", "events"), ("topic", "desk.reply")];
    bridge.accept("questions.send", &publish, "so").await;
    bridge.ledger_when("replies", |it| it.filtered == 1).await;

    // A request without a subscriber, and one whose subscriber does not reply.
    for (topic, patience, words) in [
        ("elsewhere", "20000", "no client that replies subscribes"),
        ("desk.other", "300", "timed out"),
    ] {
        (headers[1], headers[3]) = (("topic", topic), ("timeout-ms", patience));
        let id = bridge.accept("questions.ask", &headers, "why?").await;
        let letter = bridge.dead_letter(&id).await;
        assert_eq!(letter.attempts, 2, "{letter:?}");
        assert!(letter.reason.contains(words), "{letter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_a_broker_without_requests_is_an_error() {
    let bridge = Bridge::start(&desk("desk", "embedded", "desk.>")).await;
    let headers = [
        ("client", "embedded"),
        ("topic", "desk.reply"),
        ("to", "answers"),
    ];
    for (verb, words) in [
        ("ask", "this broker does not support requests"),
        ("reply", "this message cannot be answered"),
    ] {
        let id = bridge
            .accept(&format!("desk.{verb}"), &headers, "why?")
            .await;
        let letter = bridge.dead_letter(&id).await;
        assert_eq!(letter.attempts, 1, "{letter:?}");
        assert!(letter.reason.contains(words), "{letter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_asks_for_no_topics_and_inspect_names_it() {
    let config = desk("desk", "embedded", "desk.>").replace("topics = [\"desk.>\"]\n", "");
    let bridge = Bridge::start(&(config.clone() + "topics = [\"desk\"]\n")).await;
    let desk = guest("draft-desk").display().to_string();
    let shown = bridge.command(&["inspect", &desk]);
    assert!(
        shown.contains("uses the newest draft of wasi:messaging"),
        "{shown}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bridge.toml");
    std::fs::write(&file, config).expect("it is written");
    let checked = Command::new(binary())
        .arg("check")
        .arg(&file)
        .output()
        .expect("the tool runs");
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!(checked.status.code(), Some(78), "{said}");
    assert!(
        said.contains("the subscription has no topics: set `topics`"),
        "{said}"
    );
    assert!(said.contains("as in the newest draft"), "{said}");
}
