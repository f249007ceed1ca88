//! Trouble of Redis: no memory, a replica, missing permissions, wrong passwords, TLS. Readiness and
//! the log say what it is, and show no secret.

use std::time::Duration;

use bridge_host::broker::redis::{Settings, Tls};
use bridge_host::broker::{BrokerError, Settlement};
use bridge_host::message::Message;
use bridge_host::secret::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::hosts::bridge;
use super::redis::{RedisStreams, open, settings};
use super::support::{ack, next, publish, publish_somehow, settle, subscribe};
use crate::harness::{Endpoint, RedisServer, pem, request, until};

/// Waits until the bridge reports this status, and returns the text.
async fn readiness(bridge: &crate::harness::Bridge, status: u16) -> String {
    until(&format!("readiness {status}"), async || {
        let answer = request(bridge.intake, "GET", "/readyz", &[], "")
            .await
            .ok()?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        (answer.status == status).then_some(text)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_memory_publishing_fails_and_settling_continues() {
    let server = RedisServer::start().await;
    let broker = open(&settings(server.url())).await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "x").await;
    let incoming = next(&mut subscription).await;
    server.run(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let full = broker.publish(Message::new("t", "y"), None).await;
    assert!(matches!(full, Err(BrokerError::Full(_))), "{full:?}");
    let trouble = broker.trouble().expect("it says so");
    assert!(trouble.contains("maxmemory"), "{trouble}");
    let wait = Duration::from_millis(10);
    settle(incoming.receipt, Settlement::Retry(wait)).await;
    assert_eq!(ack(next(&mut subscription).await).await, "x");
    server.run(&["CONFIG", "SET", "maxmemory", "0"]).await;
    publish(&broker, "t", "y").await;
    assert_eq!(broker.trouble(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_not_the_fault_of_a_message() {
    let server = RedisServer::start().await;
    let broker = open(&settings(server.url())).await;
    let mut subscription = subscribe(&broker, &["t"]).await;
    server.run(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let refused = broker.publish(Message::new("t", "x"), None).await;
    assert!(
        matches!(refused, Err(BrokerError::Unavailable(_))),
        "{refused:?}"
    );
    let trouble = until("the trouble", async || broker.trouble()).await;
    assert!(trouble.contains("READONLY"), "{trouble}");
    server.run(&["REPLICAOF", "NO", "ONE"]).await;
    publish_somehow(&broker, "t", "x").await;
    assert_eq!(ack(next(&mut subscription).await).await, "x");
    until("no trouble", async || {
        broker.trouble().is_none().then_some(())
    })
    .await;
}

/// Without the permission for this command the bridge is not ready and says why. With it, the
/// bridge delivers.
async fn lacks(command: &str, said: &str, operation: &str) {
    let server = RedisServer::start().await;
    let rules = [
        "ACL", "SETUSER", "bridge", "on", ">s3cret", "~bridge*", "+@all",
    ];
    let without = format!("-{command}");
    server.run(&[&rules[..], &[&*without]].concat()).await;
    let endpoint = Endpoint::accepting().await;
    let login = format!("redis://bridge:s3cret@{}", server.address);
    let plain = server.url();
    let server = RedisStreams(server);
    let config = super::hosts::config(&server, &endpoint, "").replace(&plain, &login);
    let bridge = crate::harness::Bridge::start_into("events", &config).await;
    let told = readiness(&bridge, 503).await;
    assert!(told.contains(&format!("{operation}: ")), "{told}");
    assert!(told.contains(said), "{told}");
    let with = format!("+{command}");
    server.0.run(&["ACL", "SETUSER", "bridge", &with]).await;
    readiness(&bridge, 200).await;
    let id = bridge.accept("orders.new", &[], "x").await;
    assert_eq!(endpoint.wait_for(1).await[0].id(), id);
    let log = bridge.log().join("\n");
    assert!(log.contains(said) && log.contains(operation), "{log}");
    assert!(!log.contains("s3cret") && !told.contains("s3cret"), "{log}");
    assert!(
        !log.contains("user_script") && !told.contains("user_script"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_is_named() {
    lacks(
        "xreadgroup",
        "permissions to run the 'xreadgroup' command",
        "XREADGROUP",
    )
    .await;
}

/// Redis does not name the command there, so the bridge says what the script does.
#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_a_script_lacks_is_reported_with_the_operation() {
    lacks("xautoclaim", "can't run this command", "claim messages").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_reported_but_not_shown() {
    let server = RedisServer::start_with(&["--requirepass", "s3cret"]).await;
    let with = |password: &str| Settings {
        password: Some(Secret::new(password)),
        ..settings(server.url())
    };
    assert_eq!(open(&with("s3cret")).await.trouble(), None);
    for wrong in [with("s3cret-not"), settings(server.url())] {
        let trouble = open(&wrong).await.trouble().expect("it is not let in");
        assert!(
            trouble.contains("no connection to Redis at redis://127"),
            "{trouble}"
        );
        assert!(!trouble.contains("s3cret"), "{trouble}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_durability_of_the_server_is_logged_at_startup() {
    let endpoint = Endpoint::accepting().await;
    for (arguments, expected) in [
        (
            &["--appendonly", "yes", "--appendfsync", "everysec"][..],
            "in the last second",
        ),
        (&["--appendonly", "no"], "all messages are lost"),
        (
            &["--maxmemory-policy", "allkeys-lru"],
            "it can delete the stream",
        ),
    ] {
        let server = RedisStreams(RedisServer::start_with(arguments).await);
        let bridge = bridge(&server, &endpoint, "").await;
        let log = bridge.log().join("\n");
        assert!(log.contains(expected), "{expected}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_a_private_authority() {
    let key = |name: &str, file: &std::path::Path, text: &str| {
        std::fs::write(file.join(name), text).expect("a file");
    };
    let server = RedisServer::prepared(|folder| {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = KeyPair::generate().expect("a key");
        let ca = CertifiedIssuer::self_signed(params, ca).expect("a certificate");
        let own = KeyPair::generate().expect("a key");
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let params = CertificateParams::new(names).expect("parameters");
        let certificate = params.signed_by(&own, &ca).expect("a certificate");
        key("ca.pem", folder, &pem("CERTIFICATE", ca.der()));
        key("server.pem", folder, &pem("CERTIFICATE", certificate.der()));
        key(
            "server.key",
            folder,
            &pem("PRIVATE KEY", own.serialized_der()),
        );
        let file = |name: &str| folder.join(name).display().to_string();
        let arguments = ["--port", "0", "--tls-auth-clients", "no"].map(str::to_owned);
        let files = [
            ["--tls-cert-file".to_owned(), file("server.pem")],
            ["--tls-key-file".to_owned(), file("server.key")],
            ["--tls-ca-cert-file".to_owned(), file("ca.pem")],
        ];
        arguments.into_iter().chain(files.concat()).collect()
    })
    .await;
    let url = format!("rediss://{}", server.address);
    let trusting = Settings {
        tls: Tls {
            ca_file: Some(server.file("ca.pem")),
            client: None,
        },
        ..settings(url.clone())
    };
    let broker = open(&trusting).await;
    assert_eq!(broker.trouble(), None);
    let mut subscription = subscribe(&broker, &["t"]).await;
    publish(&broker, "t", "x").await;
    assert_eq!(ack(next(&mut subscription).await).await, "x");
    let trouble = open(&settings(url)).await.trouble();
    assert!(trouble.is_some_and(|it| it.contains("certificate")));
}
