//! Components built with the tools of others: a Python middleware, compositions of the wac CLI, and
//! HTTP handlers of several SDKs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::asynchronous::files::consumer;
use crate::harness::{Bridge, Config, Endpoint, guest};

/// Returns the path of the wac CLI, which `cargo xtask test` installs.
pub fn wac() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin/wac");
    assert!(
        path.exists(),
        "{} is not there: `cargo xtask test` installs it, and runs the tests",
        path.display()
    );
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_middleware_filters_in_front_of_the_adapter() {
    let endpoint = Endpoint::accepting().await;
    let config = Config::subscription("python", ">")
        .chain(&[guest("python-middleware")])
        .to(&endpoint.url("/"));
    let bridge = Bridge::start(&config).await;
    let headers = [("content-type", "text/plain"), ("x-kept", "yes")];
    let id = bridge.accept("snakes", &headers, "data").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.id(), id);
    assert_eq!(received.header("x-kept"), "yes");
    assert_eq!(received.header("seen-by"), "python");
    assert_eq!(received.body, "data");
    bridge
        .ledger_when("python", |ledger| ledger.delivered == 1)
        .await;

    // The second start loads the compiled component from the cache.
    let folder = bridge.kill();
    let began = Instant::now();
    let _bridge = Bridge::start_in(folder).await;
    println!("an 18 MB component starts again in {:?}", began.elapsed());
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn wac_plugs_a_filter_in_front_of_the_adapter() {
    let folder = tempfile::tempdir().expect("a folder");
    let (adapter, composed) = (
        folder.path().join("adapter.wasm"),
        folder.path().join("out.wasm"),
    );
    let written = Command::new(crate::harness::binary())
        .args(["adapter", "-o"])
        .arg(&adapter)
        .status()
        .expect("the tool runs");
    assert!(written.success());
    let plugged = Command::new(wac())
        .arg("plug")
        .arg(guest("enrich"))
        .arg("--plug")
        .arg(&adapter)
        .arg("-o")
        .arg(&composed)
        .output()
        .expect("wac runs");
    assert!(
        plugged.status.success(),
        "{}",
        String::from_utf8_lossy(&plugged.stderr)
    );

    let endpoint = Endpoint::accepting().await;
    let config = Config::subscription("plugged", ">")
        .component(composed)
        .to(&endpoint.url("/"));
    let bridge = Bridge::start(&config).await;
    bridge
        .accept(
            "orders.new",
            &[("content-type", "application/json")],
            "{\"amount\":250}",
        )
        .await;
    endpoint.wait_for(1).await;
    bridge
        .ledger_when("plugged", |ledger| ledger.delivered == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_made_with_the_spin_sdk_answers() {
    answers("spin-handler").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_made_with_wstd_answers() {
    answers("wstd-handler").await;
}

/// The example of the crate wasip3, unchanged: in process, and composed with the adapter only.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_wasip3_becomes_a_consumer() {
    let endpoint = Endpoint::accepting().await;
    let consumer = consumer(&["wasip3-handler"]);
    let handler = guest("wasip3-handler");
    let process = Config::subscription("process", "process")
        .lines(&format!("to = {{ component = {handler:?}, path = \"/\" }}"))
        .lines("reply_to = { topic = \"replies\" }");
    let replies = Config::subscription("replies", "replies").to(&endpoint.url("/"));
    let bridge = Bridge::start(&(process + replies + consumer.config("file", "/"))).await;
    bridge.accept("process", &[], "x").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.body, "Hello, WASI!");
    bridge.accept("file", &[], "x").await;
    for name in ["process", "file"] {
        bridge.ledger_when(name, |it| it.delivered == 1).await;
    }
}

/// Checks an HTTP handler that echoes on one path and answers 404 on others.
async fn answers(component: &str) {
    let endpoint = Endpoint::accepting().await;
    let component = guest(component);
    let to = |path: &str| format!("to = {{ component = {component:?}, path = {path:?} }}");
    let echo = Config::subscription("echo", "echo")
        .lines(&to("/echo"))
        .lines("reply_to = { topic = \"replies\" }");
    let lost = Config::subscription("lost", "lost").lines(&to("/elsewhere"));
    let replies = Config::subscription("replies", "replies").to(&endpoint.url("/"));
    let bridge = Bridge::start(&(echo + lost + replies)).await;
    let mut bodies = Vec::new();
    for length in [0, 5, 200_000] {
        let body = "x".repeat(length);
        let headers = [("content-type", "text/x-echo")];
        bridge.accept("echo", &headers, body.clone()).await;
        bodies.push(body);
        let received = endpoint
            .wait_for(bodies.len())
            .await
            .remove(bodies.len() - 1);
        assert_eq!(received.header("content-type"), "text/x-echo");
        assert!(received.body == bodies[bodies.len() - 1], "{length}");
    }
    let id = bridge.accept("lost", &[], "").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.attempts, letter.status), (1, Some(404)));
    assert!(letter.reason.contains("no such path"), "{}", letter.reason);
}
