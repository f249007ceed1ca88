//! The embedded broker: durable messages are read, forwarded and settled.

use std::sync::Arc;
use std::time::Duration;

use bridge_host::broker::embedded::Embedded;
use bridge_host::broker::{Broker, Start, SubscribeSpec, Subscription};
use bridge_host::message::TopicPattern;
use bridge_host::store::Settings;

use crate::measure::{Round, Side};
use crate::{memory, report};

const NAME: &str = "bench";

/// Runs one round on a new store that holds the messages.
pub fn round(side: Side, url: &str, messages: usize) -> Round {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings {
        path: folder.path().into(),
        ..Settings::default()
    };
    let broker = Arc::new(Embedded::open(settings).expect("a broker"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let subscription = runtime.block_on(fill(&broker, messages));
    let state = broker.store().expect("it is embedded").clone();
    report::run(side, url, messages, subscription, async move {
        while state.ledgers().await.expect("a ledger")[0].pending > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
}

async fn fill(broker: &Arc<Embedded>, messages: usize) -> Box<dyn Subscription> {
    let spec = SubscribeSpec {
        start: Start::All,
        name: NAME.into(),
        topics: vec![TopicPattern::parse("orders.>").expect("a pattern")],
        ordered: false,
        longest_wait: std::time::Duration::from_secs(3600),
        in_flight: 64,
    };
    let subscription = broker.subscribe(spec).await.expect("a subscription");
    let publishers: Vec<_> = (0..256)
        .map(|publisher| {
            let broker = broker.clone();
            tokio::spawn(async move {
                for _ in (publisher..messages).step_by(256) {
                    let published = broker.publish(memory::message(), None).await;
                    published.expect("durable");
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.expect("no panic");
    }
    subscription
}
