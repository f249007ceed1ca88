//! The allow list: the address that is connected to decides.

use bridge_host::http::HttpError;

use super::server;
use super::{client, exchange, listed, options, post};

#[tokio::test]
async fn the_endpoint_itself_may_be_on_this_machine() {
    let server = server::echo(None).await;
    let url = format!("http://localhost:{}/", server.address.port());
    assert_eq!(exchange(&client(), &url).await.unwrap().0, 200);
}

#[tokio::test]
async fn an_unlisted_host_is_refused_before_it_is_resolved() {
    let refused = post(&client(), "http://nowhere.invalid/", &listed(&[])).await;
    let expected = HttpError::HostNotAllowed {
        host: "nowhere.invalid".into(),
        port: 80,
    };
    assert_eq!(refused.err(), Some(expected));
}

/// The resolver converts `127.1` to 127.0.0.1 without a name server.
#[tokio::test]
async fn a_listed_name_that_resolves_to_this_machine_is_refused() {
    let server = server::echo(None).await;
    let url = format!("http://127.1:{}/", server.address.port());
    let refused = |address: &str| HttpError::AddressNotAllowed {
        host: "127.1".into(),
        address: address.parse().unwrap(),
    };
    let result = post(&client(), &url, &listed(&["127.1"])).await;
    assert_eq!(result.err(), Some(refused("127.0.0.1")));

    let response = post(&client(), &url, &listed(&["127.1", "127.0.0.0/8"])).await;
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test]
async fn a_pooled_connection_is_checked_like_a_new_one() {
    let server = server::echo(None).await;
    let client = client();
    let url = format!("http://127.1:{}/", server.address.port());
    let operators = options(&url);
    drop(post(&client, &url, &operators).await.unwrap());
    let result = post(&client, &url, &listed(&["127.1"])).await;
    assert!(matches!(
        result.err(),
        Some(HttpError::AddressNotAllowed { .. })
    ));
    // The connection is still in the pool, for requests that may use it.
    drop(post(&client, &url, &operators).await.unwrap());
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn localhost_is_listed_by_name_and_addresses_by_number() {
    let server = server::echo(None).await;
    let client = client();
    let by_name = format!("http://localhost:{}/", server.address.port());
    let by_number = server.url("/hook");
    for (url, entry, reached) in [
        (&by_name, "localhost", true),
        (&by_number, "localhost", false),
        (&by_number, "127.0.0.1", true),
        (&by_number, "127.0.0.1:1", false),
        (&by_number, "::ffff:127.0.0.1", true),
    ] {
        let result = post(&client, url, &listed(&[entry])).await;
        assert_eq!(result.is_ok(), reached, "{url} with {entry}");
    }
}
