//! Denied requests of a handler: the handler gets the error even while it writes, and the log has
//! one warning.

use super::subscription;
use crate::harness::{Bridge, Endpoint, ReservedAddress, until};

/// Returns the response of the handler after its request to this URL.
async fn said(url: &str, more: &str, lines: &str) -> (Bridge, String) {
    let to = format!(", headers = {{ x-url = {url:?}{more} }}");
    let bridge = Bridge::start(&subscription("ask", "/fetch", &to, lines)).await;
    let id = bridge.accept("ask", &[], "").await;
    let reason = bridge.dead_letter(&id).await.reason;
    (bridge, reason)
}

/// More bytes than any buffer holds.
const UPLOAD: &str = ", x-upload = \"4000000\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_upload_fails_with_the_denial_not_with_a_broken_pipe() {
    let (bridge, reason) = said("http://elsewhere.example:81", UPLOAD, "").await;
    assert!(reason.contains("HttpRequestDenied"), "{reason}");
    let second = bridge.accept("ask", &[], "").await;
    bridge.dead_letter(&second).await;
    let expected =
        "ask/responder sent a request to elsewhere.example:81, which `allow` does not list";
    let warnings = until("the warning", || async {
        let log = bridge.log();
        let lines: Vec<_> = log
            .into_iter()
            .filter(|line| line.contains(expected))
            .collect();
        (!lines.is_empty()).then_some(lines)
    });
    let warnings = warnings.await;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("WARN"), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_fails_with_the_refusal_not_with_a_broken_pipe() {
    let nobody = ReservedAddress::new();
    let (_, reason) = said(&nobody.url(""), UPLOAD, "allow = [\"127.0.0.1\"]").await;
    assert!(reason.contains("ConnectionRefused"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_path_is_sent_as_a_slash() {
    for (path, expected) in [("", "/"), ("?a=b", "/?a=b"), ("/x", "/x")] {
        let endpoint = Endpoint::accepting().await;
        let path = format!(", x-path = {path:?}");
        let (_, reason) = said(&endpoint.url(""), &path, "allow = [\"127.0.0.1\"]").await;
        assert!(reason.contains("fetched 204"), "{reason}");
        assert_eq!(endpoint.received()[0].path, expected);
    }
}
