//! An operator with a running bridge: reads the log, and lists, replays and drops dead
//! letters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use crate::harness::{Bridge, Config, Endpoint, Reply, binary, until};

/// Starts a bridge to an endpoint with a variable status.
async fn bridge() -> (Bridge, Endpoint, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(400));
    let answer = status.clone();
    let endpoint = Endpoint::start(move |_, _| Reply::status(answer.load(Relaxed))).await;
    let to = format!(
        "to = {{ url = {:?}, headers = {{ authorization = \"Bearer s3cret\" }} }}",
        endpoint.url("/?key=h1dden")
    );
    let config = Config::subscription("all", ">").attempts(3).lines(&to);
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
    let shown = bridge.command(&["dead-letters", "show", &number]);
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
        bridge.command(&["dead-letters", "replay", &number]),
        "1 replayed\n"
    );
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 1)
        .await;
    let again = endpoint.received().pop().expect("a request");
    assert_eq!((again.id(), &again.body[..]), (first, &b"the data"[..]));

    let number = other.letter.to_string();
    assert_eq!(
        bridge.command(&["dead-letters", "drop", &number]),
        "1 dropped\n"
    );
    assert_eq!(
        bridge.command(&["dead-letters", "list"]),
        "no dead letters\n"
    );
    let ledger = bridge.ledger("all").await;
    assert!(ledger.balances() && ledger.accepted == 2, "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_delivery_is_found_by_its_id_and_has_no_secret() {
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

fn config(names: &[&str], endpoint: &Endpoint) -> Config {
    let one = |name: &&str| {
        Config::subscription(name, ">")
            .to(&endpoint.url("/"))
            .lines("retry = { initial_delay = \"1h\" }")
    };
    names.iter().map(one).collect()
}

/// The store keeps messages for a subscription that was removed from the config. The start
/// warns of it, and `ledger forget` removes it while the bridge runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_left_the_config_is_warned_of_and_can_be_forgotten() {
    let endpoint = Endpoint::start(|_, _| Reply::status(503)).await;
    let bridge = Bridge::start(&config(&["stays", "leaves"], &endpoint)).await;
    bridge.accept("orders.new", &[], "1").await;
    endpoint.wait_for(2).await;
    let (_, folder) = bridge.stop();
    let file = folder.path().join("bridge.toml");
    let written = std::fs::read_to_string(&file).expect("a config");
    let (kept, _) = written.rsplit_once("[[subscriptions]]").expect("the last");
    std::fs::write(&file, kept).expect("a file");

    let bridge = Bridge::start_in(folder).await;
    let told = until("the warning", || async {
        let log = bridge.log();
        log.into_iter().find(|line| line.contains("ledger forget"))
    });
    let told: serde_json::Value = serde_json::from_str(&told.await).expect("JSON");
    assert_eq!(
        (&told["level"], &told["subscription"], &told["pending"]),
        (&"WARN".into(), &"leaves".into(), &1.into())
    );
    let warnings = |log: Vec<String>| log.iter().filter(|line| line.contains("forget")).count();
    assert_eq!(warnings(bridge.log()), 1, "the other one is in the config");
    bridge.accept("orders.new", &[], "2").await;
    let expected =
        "subscription  accepted  delivered  filtered  dead-lettered  dropped  pending  blocked  balances
leaves               2          0         0              0        0        2        0       yes
stays                2          0         0              0        0        2        0       yes
";
    assert_eq!(bridge.command(&["ledger"]), expected);

    let refused = std::process::Command::new(binary())
        .args(["ledger", "forget", "leaves"])
        .current_dir(bridge.folder.path())
        .output()
        .expect("the tool runs");
    assert_eq!(refused.status.code(), Some(2));
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(why.contains("2 pending") && why.contains("--yes"), "{why}");
    assert_eq!(
        bridge.command(&["ledger", "forget", "leaves", "--yes"]),
        "leaves is removed, with 2 pending deliveries and 0 dead letters\n"
    );
    bridge.accept("orders.new", &[], "3").await;
    let left: serde_json::Value =
        serde_json::from_str(&bridge.command(&["ledger", "--json"])).expect("JSON");
    let left = &left["subscriptions"];
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!(
        (&left[0]["name"], &left[0]["pending"], &left[0]["balanced"]),
        (&"stays".into(), &3.into(), &true.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_taken_port_leaves_nothing_behind() {
    let endpoint = Endpoint::accepting().await;
    let running = Bridge::start(&config(&["all"], &endpoint)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "intake = {{ address = \"{}\" }}\n{}",
        running.intake,
        config(&["all"], &endpoint)
    );
    std::fs::write(folder.path().join("bridge.toml"), config).expect("a file");
    let output = std::process::Command::new(binary())
        .arg("run")
        .current_dir(folder.path())
        .output()
        .expect("the tool runs");
    let why = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{why}");
    assert!(why.contains("cannot listen"), "{why}");
    assert!(!folder.path().join("bridge-data").exists());
}
