//! Handlers that return the response of another server. The host writes its body, even after the
//! handler has returned.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::{out, subscription_of};
use crate::harness::{Bridge, Config, End, Endpoint, Parts, Reply, ReservedAddress};

/// Starts a server whose paths say how the body arrives.
pub async fn upstream() -> Endpoint {
    Endpoint::start(|received, _| respond(&received.path)).await
}

/// Returns the complete body of this path.
pub fn whole(path: &str) -> String {
    let bytes = parts(path).0.concat();
    String::from_utf8(bytes).expect("text")
}

/// Returns the parts of a body, and the pause between two of them.
fn parts(path: &str) -> (Vec<Bytes>, Duration) {
    let (count, size, pause) = match path {
        "/chunked" => (2, 5, 0),
        // Longer than the bridge waits for a handler that makes no progress.
        "/slow" => (3, 5, 1500),
        "/large" | "/long" => (300, 64 << 10, 0),
        "/broken" => (2, 5, 50),
        _ => (0, 0, 0),
    };
    let part = |n: u8| Bytes::from(vec![b'a' + n % 26; size]);
    let parts = (0..count).map(|n: u16| part((n % 26) as u8));
    (parts.collect(), Duration::from_millis(pause))
}

fn respond(path: &str) -> Reply {
    let (parts, pause) = parts(path);
    let mut reply = Reply::status(200);
    let end = match path {
        "/broken" => End::Broken,
        "/trailers" => {
            reply = reply.with("trailer", "x-sum");
            let (name, value) = ("x-sum".parse(), "0".parse());
            let sum = [(name.expect("a name"), value.expect("a value"))];
            End::Trailers(HeaderMap::from_iter(sum))
        }
        _ => End::Complete,
    };
    if path == "/long" {
        let length = parts.iter().map(Bytes::len).sum::<usize>();
        reply = reply.with("content-length", length.to_string());
    }
    reply.parts(Parts { parts, pause, end })
}

/// Returns a subscription of a handler of wasi:http 0.3 that returns this server's response.
fn proxy(upstream: SocketAddr, path: &str, lines: &str) -> Config {
    let to = format!(", headers = {{ x-url = \"http://{upstream}{path}\" }}");
    let lines = format!("allow = [\"{upstream}\"]\n{lines}");
    subscription_of("service", "proxy", "/proxy", &to, &lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_from_an_upstream_is_awaited_to_its_end() {
    let upstream = upstream().await;
    for path in [
        "/empty",
        "/chunked",
        "/slow",
        "/large",
        "/long",
        "/trailers",
    ] {
        let endpoint = Endpoint::accepting().await;
        let before = upstream.received().len();
        let replies = "reply_to = { topic = \"replies\", max_size = \"32MiB\" }";
        let config = proxy(upstream.address, path, replies) + out(&endpoint);
        let bridge = Bridge::start(&config).await;
        bridge.accept("proxy", &[], "").await;
        let ledger = bridge.ledger_when("proxy", |it| it.pending == 0).await;
        assert_eq!(ledger.delivered, 1, "{path}: {:#?}", bridge.log());
        let received = endpoint.wait_for(1).await.remove(0);
        assert!(received.body == parts(path).0.concat(), "{path}");
        let asked = upstream.received().len() - before;
        assert_eq!(asked, 1, "{path}: {:#?}", bridge.log());
    }
}

/// The error names the host of the handler's own request, not the handler.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_handlers_own_request_names_the_host() {
    let upstream = upstream().await;
    let config = proxy(upstream.address, "/", "").replace("allow = ", "# allow = ");
    let bridge = Bridge::start(&config).await;
    let id = bridge.accept("proxy", &[], "").await;
    let letter = bridge.dead_letter(&id).await;
    let address = upstream.address;
    let denied = format!(
        "the HTTP handler answered with the error \"HTTP request denied\" while calling {address}: "
    );
    assert!(letter.reason.contains(&denied), "{letter:?}");
    assert!(
        letter.reason.contains("add \"127.0.0.1\" to `allow`"),
        "{letter:?}"
    );
    assert_eq!(upstream.received().len(), 0);

    let nobody = ReservedAddress::new();
    let bridge = Bridge::start(&proxy(nobody.address, "/", "")).await;
    let id = bridge.accept("proxy", &[], "").await;
    let letter = bridge.dead_letter(&id).await;
    let refused = format!(
        "while calling {0}: {0} refused the connection",
        nobody.address
    );
    assert!(letter.reason.contains(&refused), "{letter:?}");
    assert!(!letter.reason.contains("handler.internal"), "{letter:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_no_success() {
    let upstream = upstream().await;
    let bridge = Bridge::start(&proxy(upstream.address, "/broken", "")).await;
    let id = bridge.accept("proxy", &[], "").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!((letter.attempts, letter.status), (2, Some(200)));
    assert!(letter.reason.contains("broke off"), "{letter:?}");
}
