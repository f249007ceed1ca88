//! Consumers in one file: `bridge-host compose` composes a handler of wasi:http 0.3 with the
//! components in front of it.

use std::path::Path;
use std::process::Command;

use tempfile::TempPath;

use crate::harness::{Bridge, Config, binary, guest};

/// The file of a composed consumer. Dropping it deletes the file.
pub struct Consumer(TempPath);

impl Consumer {
    /// Returns a subscription to the topic `name`, whose requests go to this path of the handler.
    pub fn config(&self, name: &str, path: &str) -> Config {
        Config::subscription(name, name)
            .component(self.0.to_path_buf())
            .to(&format!("http://composed.internal{path}"))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Composes these components.
pub fn consumer(parts: &[&str]) -> Consumer {
    let path = tempfile::Builder::new()
        .suffix(".wasm")
        .tempfile()
        .expect("a file")
        .into_temp_path();
    let composed = Command::new(binary())
        .arg("compose")
        .args(parts.iter().map(|part| guest(part)))
        .arg("-o")
        .arg(&path)
        .output()
        .expect("the tool runs");
    let stderr = String::from_utf8_lossy(&composed.stderr);
    assert!(composed.status.success(), "{stderr}");
    Consumer(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_alone_is_a_consumer() {
    let consumer = consumer(&["async-orders"]);
    let bridge = Bridge::start(&consumer.config("orders", "/orders")).await;
    for n in 1..=50 {
        let order = format!("{{\"id\":{n},\"amount\":{n}}}");
        bridge.accept("orders", &[], order).await;
    }
    let free = bridge
        .accept("orders", &[], "{\"id\":1,\"amount\":0}")
        .await;
    let letter = bridge.dead_letter(&free).await;
    assert!(letter.reason.contains("422"), "{letter:?}");
    assert!(
        letter.reason.contains("an order is for something"),
        "{letter:?}"
    );
    let ledger = bridge.ledger_when("orders", |it| it.pending == 0).await;
    assert_eq!(
        (ledger.delivered, ledger.dead_lettered),
        (50, 1),
        "{ledger:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_an_http_middleware_and_a_handler_run_in_one_file() {
    let consumer = consumer(&["async-filter", "auth", "async-orders"]);
    let config = Config::subscription("orders", "orders")
        .component(consumer.path().into())
        .lines("settings = { minimum = \"100\", token = \"good\" }")
        .lines("[subscriptions.to]\nurl = \"http://composed.internal/orders\"")
        .lines("headers = { authorization = \"Bearer good\" }");
    let bridge = Bridge::start(&config).await;
    bridge
        .accept("orders", &[], "{\"id\":1,\"amount\":250}")
        .await;
    bridge
        .accept("orders", &[], "{\"id\":2,\"amount\":25}")
        .await;
    let wrong = bridge
        .accept("orders", &[], "{\"id\":-3,\"amount\":250}")
        .await;
    let letter = bridge.dead_letter(&wrong).await;
    assert!(letter.reason.contains("400"), "{letter:?}");
    bridge.ledger_when("orders", |it| it.pending == 0).await;
}

/// The handler writes its response after the head, and traps if its body is not read. It could send
/// its own requests, but sends none.
#[tokio::test(flavor = "multi_thread")]
async fn the_response_of_a_handler_is_read_to_its_end() {
    let consumer = consumer(&["service"]);
    let bridge = Bridge::start(&consumer.config("copy", "/copy").attempts(1)).await;
    for length in [0, 5, 300_000] {
        bridge.accept("copy", &[], vec![b'x'; length]).await;
    }
    let refused = [("x-do", "/refused-copy")];
    bridge.accept("copy", &refused, vec![b'x'; 300_000]).await;
    let ledger = bridge.ledger_when("copy", |it| it.pending == 0).await;
    let ends = (ledger.delivered, ledger.filtered, ledger.dead_lettered);
    assert_eq!(ends, (3, 0, 1), "{:#?}", bridge.log());
    let letter = bridge.dead_letters().remove(0);
    assert!(letter.reason.contains("answered 410"), "{letter:?}");
}
