//! The bridge under measurement: its delivery engine, its pool of instances, the
//! adapter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bridge_host::broker::{
    BrokerError, DeadLetterStore, FailedDelivery, KeyTurn, KeyedMessage, ParkedMessage,
    Subscription,
};
use bridge_host::compose::ADAPTER;
use bridge_host::delivery::{AdmissionGate, CrashRecord, Delivery, Policy, Stats};
use bridge_host::guest::contract::MessageHandlerProfile;
use bridge_host::guest::{Component, Environment, Limits, Permissions, Runtime, Thread};
use bridge_host::http::{AllowList, Settings};
use bridge_host::trouble::Troubles;
use tokio::runtime::Handle;

/// Returns the adapter, configured to post to a URL.
pub fn adapter(url: &str) -> Arc<Component> {
    let cache = std::env::temp_dir().join("bridge-host-bench");
    let runtime = Runtime::new(&cache, 4 << 30, &Settings::default()).expect("a runtime");
    let component = runtime.load(
        "adapter",
        ADAPTER,
        MessageHandlerProfile::ADAPTER,
        environment(url),
        Thread(0),
    );
    Arc::new(component.expect("the adapter"))
}

/// Returns an environment for a component that may reach only this URL.
pub fn environment(url: &str) -> Environment {
    Environment {
        settings: BTreeMap::from([("to.url".into(), url.into())]),
        connections: Arc::default(),
        allow: Arc::new(AllowList::default().with_endpoint(&url.parse().expect("a URL"))),
        endpoint: None,
        permissions: Permissions::default(),
        limits: Limits::default(),
    }
}

/// Panics on dead letters, because no message fails in the benchmark.
struct NoDeadLetters;

#[async_trait::async_trait]
impl DeadLetterStore for NoDeadLetters {
    async fn keep(&self, given_up: FailedDelivery) -> Result<(), BrokerError> {
        panic!("{given_up:?}")
    }

    async fn turn(&self, _: KeyedMessage) -> Result<KeyTurn, BrokerError> {
        Ok(KeyTurn::Free)
    }

    async fn park(&self, parked: ParkedMessage) -> Result<(), BrokerError> {
        panic!("{parked:?}")
    }
}

/// Forwards until `done` completes, with up to `in_flight` messages at once.
pub async fn forward(
    subscription: Box<dyn Subscription>,
    handler: Arc<Component>,
    in_flight: usize,
    runtime: Handle,
    done: impl Future<Output = ()> + Send + 'static,
) {
    let policy = Policy {
        max_in_flight: in_flight,
        ..Policy::default()
    };
    let delivery = Delivery {
        troubles: Troubles::default(),
        name: "bench".into(),
        gate: Arc::new(AdmissionGate::new(&policy)),
        policy,
        handler,
        replies: None,
        runtime,
        dead_letters: Arc::new(NoDeadLetters),
        blocked_keys: Vec::new(),
        crashes: CrashRecord::open(&std::env::temp_dir()).expect("a record"),
        stats: Arc::new(Stats::default()),
    };
    let run = delivery.run(subscription, done, Duration::from_secs(10));
    let summary = tokio::spawn(run).await.expect("it ends");
    assert_eq!(summary.given_back, 0);
}
