//! Components made by others' tools against the contract: a Python
//! middleware, and compositions of the wac CLI.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::harness::{Bridge, Endpoint, guest};

/// The wac CLI, as `cargo xtask test` installed it.
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
async fn a_python_middleware_in_front_of_the_adapter() {
    let endpoint = Endpoint::accepting().await;
    let config = format!(
        "[[subscriptions]]\nname = \"python\"\ntopics = [\">\"]\nchain = [{:?}]\nto = {:?}\n",
        guest("python-middleware"),
        endpoint.url("/"),
    );
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

    // Compiled once: the second start takes it from the cache.
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
    let bridge = Bridge::start(&format!(
        "[[subscriptions]]\nname = \"plugged\"\ntopics = [\">\"]\ncomponent = {composed:?}\nto = {:?}\n",
        endpoint.url("/"),
    ))
    .await;
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
