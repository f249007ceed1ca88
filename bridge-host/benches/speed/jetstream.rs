//! JetStream: messages on the server's disk are fetched, forwarded and
//! acknowledged, by the bridge and by a plain async-nats client.

use std::cell::Cell;
use std::time::Duration;

use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::{self, stream};
use bridge_host::broker::nats::{Auth, JetStream, JetStreamSettings, Settings, Stream, Tls};
use bridge_host::broker::{Broker, Start, SubscribeSpec, Subscription};
use bridge_host::message::TopicPattern;
use tokio::runtime::Handle;

use crate::measure::{Round, Side, Stopwatch};
use crate::{BODY, IN_FLIGHT, bridge, native, report};

/// The subject of all messages.
pub const TOPIC: &str = "orders.new";
/// The durable name of the consumer.
pub const NAME: &str = "bench";

thread_local! {
    static ROUNDS: Cell<u32> = const { Cell::new(0) };
}

/// A stream that holds the messages, and where they go.
pub struct FilledStream<'a> {
    pub server: &'a str,
    pub stream: &'a str,
    pub consumer: PullConsumer,
    pub url: &'a str,
    pub messages: usize,
}

/// How the bridge runs a round.
type Bridge = fn(&FilledStream<'_>) -> Round;

/// Measures one round on a new stream that holds the messages.
pub fn round(side: Side, bridge: Bridge, server: &str, url: &str, messages: usize) -> Round {
    on_filled_stream(server, url, messages, |filled| match side {
        Side::Native => with_client(filled),
        Side::Bridge => bridge(filled),
    })
}

/// Creates a stream, publishes the messages to it, measures, and deletes the
/// stream.
pub fn on_filled_stream(
    server: &str,
    url: &str,
    messages: usize,
    measure: impl FnOnce(&FilledStream<'_>) -> Round,
) -> Round {
    let number = ROUNDS.get() + 1;
    ROUNDS.set(number);
    let name = format!("bench{number}");
    let apart = tokio::runtime::Runtime::new().expect("a runtime");
    let filled = FilledStream {
        server,
        stream: &name,
        consumer: apart.block_on(fill(server, &name, messages)),
        url,
        messages,
    };
    let round = measure(&filled);
    apart.block_on(async {
        let context = jetstream::new(client(server).await);
        context.delete_stream(&name).await.expect("it goes");
    });
    round
}

async fn client(server: &str) -> async_nats::Client {
    async_nats::connect(server).await.expect("a connection")
}

/// Creates a stream with this many messages, and a consumer that has delivered
/// none.
async fn fill(server: &str, name: &str, messages: usize) -> PullConsumer {
    let context = jetstream::new(client(server).await);
    let config = stream::Config {
        name: name.into(),
        subjects: vec![TOPIC.into()],
        ..stream::Config::default()
    };
    let stream = context.create_stream(config).await.expect("a stream");
    let mut headers = async_nats::HeaderMap::new();
    let message = crate::memory::message();
    headers.insert("Content-Type", message.content_type.unwrap_or_default());
    for (key, value) in message.metadata {
        headers.insert(key, value);
    }
    let mut confirmed = Vec::new();
    for n in 0..messages {
        headers.insert("Nats-Msg-Id", format!("msg_{n}"));
        let data = vec![b'x'; BODY];
        let sent = context.publish_with_headers(TOPIC, headers.clone(), data.into());
        confirmed.push(sent.await.expect("sent"));
        if confirmed.len() == 256 {
            for sent in confirmed.drain(..) {
                sent.await.expect("durable");
            }
        }
    }
    for sent in confirmed {
        sent.await.expect("durable");
    }
    let config = pull::Config {
        durable_name: Some(NAME.into()),
        filter_subject: TOPIC.into(),
        max_ack_pending: 1000,
        ..pull::Config::default()
    };
    stream.create_consumer(config).await.expect("a consumer")
}

/// Runs the best native forwarder: one current-thread runtime, and the client's
/// own stream of messages.
fn with_client(filled: &FilledStream<'_>) -> Round {
    let runtime = crate::runtime();
    runtime.block_on(async {
        let context = jetstream::new(client(filled.server).await);
        let consumer: PullConsumer = context
            .get_consumer_from_stream(NAME, filled.stream)
            .await
            .expect("the consumer");
        let stopwatch = Stopwatch::start();
        let batch = consumer
            .stream()
            .max_messages_per_batch(2 * IN_FLIGHT)
            .messages();
        let batch = batch.await.expect("messages");
        native::forward_from_jetstream(batch, filled.url, filled.messages).await;
        settled(&consumer).await;
        stopwatch.stop(filled.messages)
    })
}

/// Runs the bridge as the product does: the connection is on the thread of its
/// deliveries.
pub fn with_bridge(filled: &FilledStream<'_>) -> Round {
    let runtime = crate::runtime();
    let subscription = runtime.block_on(filled.subscribe(IN_FLIGHT));
    runtime.block_on(async {
        let handler = report::adapter(filled.url);
        let stopwatch = Stopwatch::start();
        let done = filled.settled();
        bridge::forward(subscription, handler, IN_FLIGHT, Handle::current(), done).await;
        stopwatch.stop(filled.messages)
    })
}

impl FilledStream<'_> {
    /// Subscribes on a new connection.
    pub async fn subscribe(&self, in_flight: usize) -> Box<dyn Subscription> {
        let settings = settings(self.server, self.stream);
        let opened = JetStream::open("bench", &settings).await;
        let opened = opened.expect("it opens");
        let spec = SubscribeSpec {
            start: Start::All,
            name: NAME.into(),
            topics: vec![TopicPattern::parse(TOPIC).expect("a pattern")],
            ordered: false,
            longest_wait: std::time::Duration::from_secs(3600),
            in_flight,
        };
        opened.subscribe(spec).await.expect("a subscription")
    }

    /// Waits until the server has every acknowledgement.
    pub fn settled(&self) -> impl Future<Output = ()> + Send + use<> {
        let consumer = self.consumer.clone();
        async move { settled(&consumer).await }
    }
}

fn settings(server: &str, stream: &str) -> JetStreamSettings {
    JetStreamSettings {
        connection: Settings {
            urls: vec![server.into()],
            auth: Auth::None,
            tls: Tls::default(),
            max_reconnect_wait: Duration::from_secs(1),
        },
        domain: None,
        stream: Stream {
            name: Some(stream.into()),
            ..Stream::default()
        },
        consumers: Default::default(),
    }
}

async fn settled(consumer: &PullConsumer) {
    while unacknowledged(consumer).await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns how many messages the consumer has still to deliver, or has
/// delivered without an acknowledgement.
pub async fn unacknowledged(consumer: &PullConsumer) -> usize {
    let info = consumer.get_info().await.expect("the consumer's state");
    info.num_pending as usize + info.num_ack_pending
}
