//! The limits on what the host keeps for a component. Each attack ends in a failure that names the
//! limit, and occupies little memory.

use crate::harness::{Bridge, Config, Endpoint, Letter, Reply, guest, request};

const LIMIT: u64 = 32 << 20;

async fn bridge(endpoint: &Endpoint) -> Bridge {
    let hog = Config::subscription("hog", "hog.>").component(guest("hog"));
    let healthy = Config::subscription("healthy", "healthy").to(&endpoint.url("/"));
    Bridge::start(&(limited(hog) + healthy)).await
}

/// Adds the limits, and a long timeout, to a config.
fn limited(config: Config) -> Config {
    config.attempts(1).lines(
        "allow = [\"127.0.0.1\"]\ntimeout = \"3m\"\n\
         limits = { memory = \"32MiB\", requests = 50, cpu_time = \"2m\" }",
    )
}

/// Returns the dead letter of a message to the hog, while another subscription continues.
async fn hoard(what: &str, data: &str) -> (Bridge, Letter) {
    let healthy = Endpoint::accepting().await;
    let bridge = bridge(&healthy).await;
    bridge.accept("hog.ok", &[], "").await;
    bridge.accept("healthy", &[], "").await;
    healthy.wait_for(1).await;
    bridge.ledger_when("hog", |it| it.pending == 0).await;
    let before = bridge.peak();

    let id = bridge
        .accept(&format!("hog.{what}"), &[], data.to_owned())
        .await;
    bridge.accept("healthy", &[], "").await;
    healthy.wait_for(2).await;
    let letter = bridge.dead_letter(&id).await;
    // The system's figure is approximate, and can decrease.
    let grown = bridge.peak().saturating_sub(before);
    println!("{what}: {} MiB more; {}", grown >> 20, letter.reason);
    assert!(grown < 3 * LIMIT, "{what}: {grown} bytes");
    (bridge, letter)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_keeps_counts_towards_the_memory_limit() {
    for what in ["fields", "copies", "targets", "denied"] {
        let (_, letter) = hoard(what, "").await;
        let named = letter.reason.contains("`limits.memory`");
        assert!(named, "{what}: {}", letter.reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_limited_in_number() {
    let (_, letter) = hoard("resources", "").await;
    let named = letter.reason.contains("more than 32768 resources");
    assert!(named, "{}", letter.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_requests_are_limited_in_number() {
    let silent =
        Endpoint::start(|_, _| Reply::status(204).after(std::time::Duration::from_secs(3600)))
            .await;
    for (what, authority) in [
        ("bodies", String::new()),
        ("requests", silent.address.to_string()),
    ] {
        let (_, letter) = hoard(what, &authority).await;
        let named = letter
            .reason
            .contains("more than 50 requests open at once (`limits.requests`)");
        assert!(named, "{what}: {}", letter.reason);
    }
    assert!(silent.received().len() <= 50, "{}", silent.received().len());
}

/// The host keeps a response that becomes a message until the call ends, but not its connection.
#[tokio::test(flavor = "multi_thread")]
async fn more_replies_than_open_requests_are_made() {
    let endpoint = Endpoint::accepting().await;
    let batch = Config::subscription("batch", "orders.batch")
        .chain(&[guest("filter"), guest("enrich")])
        .to(&endpoint.url("/"))
        .lines("reply_to = { topic = \"replies\" }\nlimits = { requests = 5 }")
        .lines("settings = { minimum = \"100\" }");
    let replies = Config::subscription("replies", "replies").to(&endpoint.url("/replies"));
    let bridge = Bridge::start(&(batch + replies)).await;
    let items: Vec<_> = (0..40).map(|id| format!("{{\"id\": {id}}}")).collect();
    let batch = format!("{{\"items\": [{}]}}", items.join(","));
    let json = [("content-type", "application/json")];
    bridge.accept("orders.batch", &json, batch).await;
    let ledger = bridge.ledger_when("batch", |it| it.pending == 0).await;
    assert_eq!(ledger.delivered, 1, "{:#?}", bridge.log());
    let ledger = bridge.ledger_when("replies", |it| it.accepted == 40).await;
    assert_eq!(ledger.dead_lettered, 0, "{ledger:?}");
}

/// The functions of wasi:http 0.3 have the same limits.
#[tokio::test(flavor = "multi_thread")]
async fn handlers_of_wasi_http_0_3_have_the_same_limits() {
    let silent =
        Endpoint::start(|_, _| Reply::status(204).after(std::time::Duration::from_secs(3600)))
            .await;
    for (path, limit) in [
        ("/keep-fields", "`limits.memory`"),
        ("/keep-requests", "more than 50 requests open at once"),
    ] {
        let to = format!(
            "to = {{ component = {:?}, path = {path:?}, headers = {{ x-url = {:?} }} }}",
            guest("service"),
            silent.url(""),
        );
        let config = limited(Config::subscription("hog", "hog")).lines(&to);
        let bridge = Bridge::start(&config).await;
        let before = bridge.peak();
        let id = bridge.accept("hog", &[], "").await;
        let letter = bridge.dead_letter(&id).await;
        // The system's figure is approximate, and can decrease.
        let grown = bridge.peak().saturating_sub(before);
        println!("{path}: {} MiB more; {}", grown >> 20, letter.reason);
        assert!(letter.reason.contains(limit), "{path}: {}", letter.reason);
        assert!(grown < 3 * LIMIT, "{path}: {grown} bytes");
    }
    assert!(silent.received().len() <= 50, "{}", silent.received().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_call_prints_is_limited() {
    let endpoint = Endpoint::accepting().await;
    let bridge = bridge(&endpoint).await;
    let id = bridge.accept("hog.print", &[], "").await;
    bridge.ledger_when("hog", |it| it.filtered == 1).await;
    let log = bridge.log();
    let (dropped, printed): (Vec<_>, Vec<_>) = log
        .iter()
        .filter(|line| line.contains("\"stderr\""))
        .partition(|line| line.contains("`limits.output`"));
    assert_eq!(dropped.len(), 1, "{dropped:#?}");
    let bytes = printed.len() * "all work and no play makes a dull hog\n".len();
    assert!(bytes <= 1 << 20 && bytes > 1 << 19, "{bytes}");
    assert!(
        printed.iter().all(|line| line.contains(&id)),
        "{}",
        printed[0]
    );
    // The next call may print again.
    bridge.accept("hog.trap", &[], "once more").await;
    bridge.ledger_when("hog", |it| it.dead_lettered == 1).await;
    assert!(bridge.log().iter().any(|line| line.contains("once more")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_has_the_last_lines_of_stderr_in_its_reason() {
    let (bridge, letter) = hoard("trap", "the reason").await;
    let wanted = "its last lines on stderr: the hog is about | to fail:  [1mthe reason";
    assert!(letter.reason.contains(wanted), "{}", letter.reason);
    let answer = request(bridge.intake, "GET", "/healthz", &[], "").await;
    assert_eq!(answer.expect("an answer").status, 200);
}
