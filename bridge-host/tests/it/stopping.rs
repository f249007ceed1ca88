//! How the bridge stops: it waits for publishers that make progress, and not for
//! stalled ones.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Bridge, Endpoint};

async fn begin(bridge: &Bridge, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(bridge.intake).await.expect("the intake");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("it is sent");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn publishers_that_have_stalled_do_not_hold_up_a_stop() {
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&format!(
        "[[subscriptions]]\nname = \"all\"\ntopics = [\">\"]\nto = {:?}\n",
        endpoint.url("/")
    ))
    .await;
    let mut heads = Vec::new();
    let mut bodies = Vec::new();
    for _ in 0..20 {
        heads.push(begin(&bridge, "POST /topics/t HTTP/1.1\r\nhost:").await);
        for path in ["topics/t", "batch", "nowhere"] {
            let head = format!("POST /{path} HTTP/1.1\r\nhost: localhost\r\n");
            let stalled = format!("{head}content-length: 9\r\n\r\nx");
            bodies.push((path, begin(&bridge, &stalled).await));
        }
    }
    // Published after them, so that the intake is reading their requests.
    bridge.accept("t", &[], "data").await;
    endpoint.wait_for(1).await;
    bridge.signal("TERM");
    // Without the check for progress it would take ten seconds.
    bridge.ended_within(Duration::from_secs(7)).await;
    for (path, mut stream) in bodies {
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer).await;
        let status = if path == "nowhere" { "404" } else { "stopping" };
        assert!(answer.contains(status), "{path}: {read:?} {answer}");
    }
}
