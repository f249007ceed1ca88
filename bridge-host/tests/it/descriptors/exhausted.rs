//! A process without free descriptors still answers health and readiness, and
//! logs the lack once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{logged, set_limit, start, subscription};
use crate::harness::{Answer, Bridge, Endpoint, ReservedAddress, request, until};

/// Returns the descriptors that a process has open.
fn open_files(process: u32) -> BTreeSet<u64> {
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).expect("Linux tells");
    let number = |file: std::fs::DirEntry| file.file_name().to_str()?.parse().ok();
    files.flatten().filter_map(number).collect()
}

/// Opens a publisher's connection in the middle of a message, so that it is not
/// idle.
async fn stalled(bridge: &Bridge) -> TcpStream {
    let mut stream = TcpStream::connect(bridge.intake).await.expect("the intake");
    let head = "POST /topics/t HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nx";
    let sent = stream.write_all(head.as_bytes()).await;
    sent.expect("it is sent");
    stream
}

/// Makes the process unable to open a file before it closes one.
async fn exhaust(bridge: &Bridge, process: u32, endpoint: &Endpoint) -> Vec<TcpStream> {
    // By then, the start has opened and closed its files.
    bridge.accept("first", &[], "data").await;
    endpoint.wait_for(1).await;
    let before = open_files(process).len();
    let mut publishers = Vec::new();
    // They take the descriptors that others released.
    for _ in 0..24 {
        publishers.push(stalled(bridge).await);
    }
    until("all connections", || async {
        (open_files(process).len() >= before + 20).then_some(())
    })
    .await;
    until("a process that can open nothing", || async {
        let open = open_files(process);
        let limit = (0..).find(|number| !open.contains(number));
        let limit = limit.expect("a number");
        set_limit(process, limit);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let open = open_files(process);
        (0..limit)
            .all(|number| open.contains(&number))
            .then_some(())
    })
    .await;
    publishers
}

async fn ask(at: SocketAddr, method: &str, path: &str) -> Answer {
    let asked = timeout(
        Duration::from_secs(20),
        request(at, method, path, &[], "data"),
    );
    let answer = asked.await.expect("an answer in time");
    answer.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_answered_without_descriptors() {
    let endpoint = Endpoint::accepting().await;
    let reserved = ReservedAddress::new();
    let admin = reserved.address;
    let config = subscription("all", &endpoint, "");
    let config = format!("admin.address = \"{admin}\"\n{config}");
    let (bridge, process) = start(256, &config).await;
    let _publishers = exhaust(&bridge, process, &endpoint).await;
    // If a file was closed meanwhile, the first of these connections gets its
    // descriptor.
    let mut more = Vec::new();
    for _ in 0..4 {
        more.push(stalled(&bridge).await);
    }
    let listeners = [bridge.intake, admin];
    until("a bridge that is not ready", || async {
        let ready = ask(bridge.intake, "GET", "/readyz").await;
        let says = String::from_utf8_lossy(&ready.body).contains("no file descriptors are left");
        (ready.status == 503 && says).then_some(())
    })
    .await;
    for _ in 0..10 {
        for at in listeners {
            assert_eq!(ask(at, "GET", "/healthz").await.status, 200);
            assert_eq!(ask(at, "GET", "/readyz").await.status, 503);
        }
        // The message is refused, unless a descriptor was released in that
        // moment.
        let published = ask(bridge.intake, "POST", "/topics/t").await;
        assert!(matches!(published.status, 503 | 202), "{published:?}");
    }
    // Longer than the time after which a trouble without occurrences ends.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(ask(admin, "GET", "/readyz").await.status, 503);
    assert_eq!(logged(&bridge, "the trouble has ended"), 0);

    set_limit(process, 256);
    until("a bridge that is ready", || async {
        (ask(admin, "GET", "/readyz").await.status == 200).then_some(())
    })
    .await;
    let text = "no file descriptors are left";
    assert_eq!(logged(&bridge, text), 1, "{:?}", bridge.log());
    until("its line", || async {
        (logged(&bridge, "the trouble has ended") == 1).then_some(())
    })
    .await;
    bridge.accept("orders", &[], "data").await;
    endpoint.wait_for(2).await;
}

/// Clients that are silent on the last connections do not prevent health from
/// answering.
#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_do_not_keep_the_last_descriptors() {
    let endpoint = Endpoint::accepting().await;
    let (bridge, process) = start(256, &subscription("all", &endpoint, "")).await;
    let _publishers = exhaust(&bridge, process, &endpoint).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        let stream = TcpStream::connect(bridge.intake).await;
        silent.push(stream.expect("a connection"));
    }
    assert_eq!(ask(bridge.intake, "GET", "/healthz").await.status, 200);
}
