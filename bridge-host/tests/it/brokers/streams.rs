//! What only JetStream has: streams and consumers of other programs, headers of other clients,
//! publishing without a subscription.

use std::process::Command;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, consumer, stream};
use bridge_host::broker::nats::{Consumer, Stream};
use bridge_host::broker::{BrokerError, Start, SubscribeSpec};

use super::Server;
use super::jetstream::settings;
use super::support::{GROUP, ack, next, open, publish, spec, subscribe, texts};
use crate::harness::{Bridge, Endpoint, NatsServer, binary, guest};

/// The client of another program.
pub async fn client(server: &NatsServer) -> jetstream::Context {
    let client = async_nats::connect(server.url())
        .await
        .expect("a connection");
    jetstream::new(client)
}

async fn their_stream(context: &jetstream::Context) -> stream::Stream {
    let config = stream::Config {
        name: "THEIRS".into(),
        subjects: vec!["orders.>".into()],
        ..stream::Config::default()
    };
    context.create_stream(config).await.expect("a stream")
}

#[track_caller]
fn refused<T>(result: Result<T, BrokerError>, expected: &str) {
    match result {
        Err(BrokerError::Refused(why)) => assert!(why.to_string().contains(expected), "{why}"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it is not refused"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_and_a_consumer_of_another_program_are_used_unchanged() {
    let server = NatsServer::start().await;
    let context = client(&server).await;
    let theirs = their_stream(&context).await;
    let config = consumer::pull::Config {
        durable_name: Some("workers".into()),
        filter_subject: "orders.new".into(),
        ack_wait: Duration::from_secs(7),
        ..consumer::pull::Config::default()
    };
    theirs.create_consumer(config).await.expect("a consumer");

    let mut settings = settings(server.url());
    settings.stream.create = false;
    let consumer = Consumer {
        durable: Some("workers".into()),
        create: false,
        ..Consumer::default()
    };
    settings.consumers.insert(GROUP.into(), consumer);
    let broker = open(settings).await;
    let mut subscription = subscribe(&broker, &["orders.>"]).await;
    publish(&broker, "orders.old", "not filtered to us").await;
    publish(&broker, "orders.new", "ours").await;
    let incoming = next(&mut subscription).await;
    let lease = incoming.receipt.capabilities().lease;
    assert_eq!(lease, Some(Duration::from_secs(7)));
    assert_eq!(ack(incoming).await, "ours");
    crate::harness::until("the books of the server", async || {
        broker.pending(GROUP).await.filter(|pending| *pending == 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_settings_are_refused_with_a_remedy() {
    let server = NatsServer::start().await;
    let context = client(&server).await;
    let theirs = their_stream(&context).await;
    let config = consumer::push::Config {
        durable_name: Some(GROUP.into()),
        deliver_subject: "somewhere".into(),
        ..consumer::push::Config::default()
    };
    theirs.create_consumer(config).await.expect("a consumer");
    let broker = open(settings(server.url())).await;
    refused(broker.subscribe(spec(&["orders.>"])).await, "push consumer");
    let partly = broker.subscribe(SubscribeSpec {
        start: Start::All,
        name: "other".into(),
        ..spec(&["orders.>", "returns.>"])
    });
    // No stream has all subjects, and the bridge must not take the subjects of THEIRS.
    refused(partly.await, "cannot create the stream");

    let mut strict = settings(server.url());
    strict.stream = Stream {
        name: Some("NONE".into()),
        create: false,
        ..Stream::default()
    };
    refused(
        open(strict).await.subscribe(spec(&["a"])).await,
        "`create = true`",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_change_the_consumer() {
    let server = NatsServer::start().await;
    let broker = open(settings(server.url())).await;
    let subscription = subscribe(&broker, &["a.>"]).await;
    publish(&broker, "a.1", "first").await;
    drop(subscription);
    let mut changed = settings(server.url());
    let consumer = Consumer {
        ack_wait: Duration::from_secs(9),
        max_ack_pending: 77,
        ..Consumer::default()
    };
    changed.consumers.insert(GROUP.into(), consumer);
    let broker = open(changed).await;
    let mut subscription = subscribe(&broker, &["a.>", "b.>"]).await;
    publish(&broker, "b.1", "second").await;
    assert_eq!(texts(&mut subscription, 2).await, ["first", "second"]);
    let stream = client(&server)
        .await
        .get_stream("events")
        .await
        .expect("a stream");
    let info = stream.consumer_info(GROUP).await.expect("a consumer");
    assert_eq!(info.config.max_ack_pending, 77);
    assert_eq!(info.config.ack_wait, Duration::from_secs(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_other_clients_keep_their_headers() {
    let server = NatsServer::start().await;
    let broker = open(settings(server.url())).await;
    let mut subscription = subscribe(&broker, &["orders.>"]).await;
    let context = client(&server).await;
    let mut headers = HeaderMap::new();
    headers.append("X-Tag", "one");
    headers.append("X-Tag", "two");
    headers.insert("content-type", "text/csv");
    headers.insert(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    let sent = context
        .publish_with_headers("orders.new", headers, "a,b".into())
        .await;
    let ack = sent.expect("it is sent").await.expect("it is kept");
    let incoming = next(&mut subscription).await;
    assert_eq!(incoming.message.content_type.as_deref(), Some("text/csv"));
    let find = |key: &str| {
        let found = incoming
            .message
            .metadata
            .iter()
            .find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!((find("X-Tag"), find("X-Tag#2")), (Some("one"), Some("two")));
    assert!(find("traceparent").is_some());
    // A message without an id gets one from its stream and its sequence.
    let stream = context.get_stream("events").await.expect("a stream");
    let created = stream.cached_info().created.unix_timestamp_nanos();
    let place = format!("events-{created:x}-{}", ack.sequence);
    assert_eq!(incoming.id.as_str(), place);
}

/// With two hosts, the order is kept between them.
#[tokio::test(flavor = "multi_thread")]
async fn order_holds_between_hosts() {
    let server = NatsServer::start().await;
    let ordered = || SubscribeSpec {
        ordered: true,
        longest_wait: std::time::Duration::from_secs(3600),
        in_flight: 1,
        ..spec(&["t"])
    };
    let (one, two) = (
        open(settings(server.url())).await,
        open(settings(server.url())).await,
    );
    let mut first = one.subscribe(ordered()).await.expect("a subscription");
    let mut second = two.subscribe(ordered()).await.expect("a subscription");
    for n in 0..30 {
        publish(&one, "t", &n.to_string()).await;
    }
    let mut found = Vec::new();
    while found.len() < 30 {
        let incoming = tokio::select! {
            incoming = next(&mut first) => incoming,
            incoming = next(&mut second) => incoming,
        };
        found.push(ack(incoming).await);
    }
    let expected: Vec<_> = (0..30).map(|n| n.to_string()).collect();
    assert_eq!(found, expected);
}

/// A component reads from the local broker and publishes to JetStream, where another subscription
/// receives the message.
#[tokio::test(flavor = "multi_thread")]
async fn read_from_one_broker_and_publish_to_another() {
    let server = super::jetstream::JetStreamServer::start().await;
    let endpoint = Endpoint::accepting().await;
    let config = format!(
        "{}stream = {{ subjects = [\"summaries.>\"] }}\n\
         [[subscriptions]]\nname = \"summarise\"\ntopics = [\"events.>\"]\ncomponent = {:?}\n\
         settings = {{ connection = \"events\", topic = \"summaries.event\" }}\n\
         [[subscriptions]]\nname = \"summaries\"\nfrom = \"events\"\ntopics = [\"summaries.>\"]\nto = {:?}\n",
        server.config(),
        guest("summarise"),
        endpoint.url("/")
    );
    let bridge = Bridge::start(&config).await;
    let id = bridge.accept("events.greeting", &[], "hello").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.header("message-topic"), "summaries.event");
    // The header of NATS carries its id.
    assert!(received.id().starts_with(&id), "{} of {id}", received.id());
}

/// The command line publishes directly to the broker, before any subscription exists.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_publishes_to_the_broker() {
    let server = NatsServer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[connections.events]\ntype = \"jetstream\"\nurl = {:?}\nstream = {{ subjects = [\"orders.>\"] }}\n",
        server.url()
    );
    std::fs::write(folder.path().join("bridge.toml"), config).expect("a file");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(binary());
        command.arg("publish").args(arguments);
        command
            .current_dir(folder.path())
            .output()
            .expect("it runs")
    };
    let sent = [
        "orders.new",
        "hello",
        "--id",
        "once",
        "--connection",
        "events",
    ];
    assert_eq!(String::from_utf8_lossy(&run(&sent).stdout), "once\n");
    assert_eq!(
        String::from_utf8_lossy(&run(&sent).stdout),
        "once (a duplicate)\n"
    );

    let unknown = run(&["orders.new", "x", "--connection", "evnets"]);
    let told = String::from_utf8_lossy(&unknown.stderr);
    assert!(told.contains("the config has embedded, events"), "{told}");
    let spaced = run(&["orders new", "x", "--connection", "events"]);
    let told = String::from_utf8_lossy(&spaced.stderr);
    assert!(told.contains("white space"), "{told}");

    let broker = open(settings(server.url())).await;
    let mut subscription = subscribe(&broker, &["orders.>"]).await;
    let incoming = next(&mut subscription).await;
    assert_eq!(incoming.id.as_str(), "once");
    assert_eq!(ack(incoming).await, "hello");
}
