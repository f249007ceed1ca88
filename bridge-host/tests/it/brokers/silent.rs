//! A connected server that delivers no messages. Readiness and the log say so, with the cause and
//! the right advice.

use super::hosts::config;
use super::jetstream::JetStreamServer;
use crate::harness::{Bridge, Endpoint, NatsServer, ReservedAddress, request, until};

/// Waits until the bridge reports this status, and returns the text.
async fn readiness(bridge: &Bridge, status: u16) -> String {
    until(&format!("readiness {status}"), async || {
        let answer = request(bridge.intake, "GET", "/readyz", &[], "")
            .await
            .ok()?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        (answer.status == status).then_some(text)
    })
    .await
}

/// Returns a user with these permissions.
fn user(permissions: &str) -> String {
    format!("authorization {{ users = [ {{ user: bridge, password: secret {permissions} }} ] }}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_permission_is_reported() {
    let server = JetStreamServer(NatsServer::start_with(&user("")).await);
    let endpoint = Endpoint::accepting().await;
    let login = "user = \"bridge\"\npassword = \"secret\"\n";
    let config = config(&server, &endpoint, "").replacen("\n\n", &format!("\n{login}\n"), 1);
    let bridge = Bridge::start_into("events", &config).await;
    let first = bridge.accept("orders.new", &[], "x").await;
    assert_eq!(endpoint.wait_for(1).await[0].id(), first);
    readiness(&bridge, 200).await;

    let file = server.0.file("server.conf");
    let before = std::fs::read_to_string(&file).expect("a file");
    let denied = user(", permissions: { publish: { deny: [\"$JS.API.CONSUMER.MSG.NEXT.>\"] } }");
    std::fs::write(&file, before.replace(&user(""), &denied)).expect("a file");
    server.0.signal("HUP");
    // Requests from before are still answered.
    let told = readiness(&bridge, 503).await;
    assert!(told.contains("Permissions Violation"), "{told}");
    assert!(told.contains("$JS.API.CONSUMER.MSG.NEXT"), "{told}");

    std::fs::write(&file, before).expect("a file");
    server.0.signal("HUP");
    readiness(&bridge, 200).await;
    let last = bridge.accept("orders.new", &[], "x").await;
    until("the last one", async || {
        let received = endpoint.received();
        received.iter().any(|one| one.id() == last).then_some(())
    })
    .await;
}

/// The publisher is told that there is no room now, not that the message is invalid.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_at_its_limit_is_reported() {
    let account = "accounts { A { jetstream: { max_file: 20000 }, users: [ { user: bridge, password: secret } ] } }\n";
    let server = JetStreamServer(NatsServer::start_with(account).await);
    let endpoint = Endpoint::accepting().await;
    let login = "user = \"bridge\"\npassword = \"secret\"\n";
    let config = config(&server, &endpoint, "").replacen("\n\n", &format!("\n{login}\n"), 1);
    let bridge = Bridge::start_into("events", &config).await;
    readiness(&bridge, 200).await;
    let refused = until("no room", async || {
        let answer = bridge.publish("orders.new", &[], "x".repeat(1000)).await;
        (answer.status != 202).then_some(answer)
    })
    .await;
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    assert_eq!(refused.status, 507, "{text}");
    assert!(
        text.contains("resource limits exceeded for account"),
        "{text}"
    );
    let told = readiness(&bridge, 503).await;
    assert!(
        told.contains("resource limits exceeded for account"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_quorum_is_reported() {
    let ports = [(); 3].map(|()| ReservedAddress::new());
    let routes: Vec<_> = ports
        .iter()
        .map(|port| format!("nats://{}", port.address))
        .collect();
    let mut servers = Vec::new();
    for (n, port) in ports.iter().enumerate() {
        let lines = format!(
            "server_name: n{n}\ncluster {{ name: c, listen: \"{}\", routes: [{}] }}\n",
            port.address,
            routes.join(", ")
        );
        servers.push(NatsServer::start_with(&lines).await);
    }
    let first = JetStreamServer(servers.remove(0));
    let endpoint = Endpoint::accepting().await;
    let stream = "stream = { replicas = 3 }\n";
    let config = config(&first, &endpoint, "").replacen("\n\n", &format!("\n{stream}\n"), 1);
    let bridge = Bridge::start_into("events", &config).await;
    readiness(&bridge, 200).await;
    let id = bridge.accept("orders.new", &[], "x").await;
    assert_eq!(endpoint.wait_for(1).await[0].id(), id);

    servers.iter_mut().for_each(NatsServer::kill);
    let told = readiness(&bridge, 503).await;
    assert!(told.contains("has no messages"), "{told}");
    let refused = bridge.publish("orders.new", &[], "x").await;
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    assert_eq!(refused.status, 503, "{text}");
    assert!(!text.contains("add it to the `subjects`"), "{text}");
    assert!(!bridge.log().join("\n").contains("add it to the `subjects`"));

    for server in &mut servers {
        server.start_again().await;
    }
    readiness(&bridge, 200).await;
    until("a message", async || {
        let answer = bridge.publish("orders.new", &[], "x").await;
        (answer.status == 202).then_some(())
    })
    .await;
}
