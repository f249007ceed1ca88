//! One subscription made ready: its component loaded, its topics known, its
//! place at the broker taken.

use std::sync::Arc;
use std::time::Duration;

use super::brokers::Brokers;
use super::composition::composition;
use super::error::SubscriptionError;
use crate::broker::embedded::Embedded;
use crate::broker::{self, Both, BrokerError, Opened, SubscribeSpec};
use crate::config::{Guests, Subscription};
use crate::delivery::{Delivery, Stats, Workers};
use crate::guest::{CallResult, Component, Connections, Environment, Runtime};
use crate::http::{self, Allow};
use crate::message::TopicPattern;

/// How long a component's `subscribe` may take.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(30);

/// A subscription that only has to be started.
pub(super) struct Ready {
    pub(super) delivery: Delivery,
    pub(super) source: Box<dyn broker::Subscription>,
    /// The connection.
    pub(super) from: String,
}

/// Joins the group at its broker; and in the local store, from which its dead
/// letters come again, where the broker is another.
async fn join(
    spec: SubscribeSpec,
    opened: &Opened,
    store: &Embedded,
) -> Result<Box<dyn broker::Subscription>, BrokerError> {
    let (name, ordered) = (spec.name.clone(), spec.ordered);
    let source = opened.broker.subscribe(spec).await?;
    if opened.embedded.is_some() {
        return Ok(source);
    }
    let replays = store.subscribe_to_replays(&name, ordered).await?;
    Ok(Box::new(Both::new(source, replays)))
}

/// Loads the component of a subscription, and joins its group at the broker.
pub(super) async fn prepare(
    subscription: &Subscription,
    runtime: &Runtime,
    connections: &Arc<Connections>,
    brokers: &Brokers,
    workers: Workers,
) -> Result<Ready, SubscriptionError> {
    let component = load(subscription, runtime, connections)?;
    let topics = match &subscription.topics {
        Some(topics) => topics.clone(),
        None => asked_for(&component).await?,
    };
    let spec = SubscribeSpec {
        name: subscription.name.clone(),
        topics,
        ordered: subscription.policy.ordered(),
        in_flight: subscription.policy.max_in_flight,
    };
    Ok(Ready {
        from: subscription.from.clone(),
        source: join(spec, brokers.get(&subscription.from), brokers.store()).await?,
        delivery: Delivery {
            name: subscription.name.clone(),
            policy: subscription.policy.clone(),
            handler: Arc::new(component),
            workers,
            dead_letters: brokers.store().clone(),
            stats: Arc::new(Stats::default()),
        },
    })
}

/// Whether a subscription knows its topics: from the config, or else from its
/// component, which is loaded and asked.
pub async fn check_topics(
    guests: &Guests,
    subscription: &Subscription,
) -> Result<(), SubscriptionError> {
    if subscription.topics.is_some() {
        return Ok(());
    }
    let runtime = Runtime::new(&guests.cache, guests.memory, &http::Settings::default())?;
    let component = load(subscription, &runtime, &Arc::default())?;
    asked_for(&component).await.map(drop)
}

fn load(
    subscription: &Subscription,
    runtime: &Runtime,
    connections: &Arc<Connections>,
) -> Result<Component, SubscriptionError> {
    let bytes = composition(subscription)?;
    let mut allow = Allow::parse(&subscription.allow).map_err(SubscriptionError::Allow)?;
    if let Some(endpoint) = &subscription.endpoint {
        allow = allow.with_endpoint(&endpoint.url);
    }
    let environment = Environment {
        settings: subscription.pairs().into_iter().collect(),
        connections: connections.clone(),
        allow: Arc::new(allow),
        limits: subscription.limits.clone(),
    };
    Ok(runtime.load(&subscription.name, &bytes, environment)?)
}

/// The topics that the component asks for by its `subscribe`.
async fn asked_for(component: &Component) -> Result<Vec<TopicPattern>, SubscriptionError> {
    let topics = match component.subscribe(SUBSCRIBE_TIMEOUT).await {
        Ok(topics) => topics,
        Err(result) => return Err(SubscriptionError::NoTopics(describe(result))),
    };
    if topics.is_empty() {
        return Err(SubscriptionError::NoTopics("returns none".into()));
    }
    let parse = |topic: String| {
        TopicPattern::parse(&topic).map_err(|source| SubscriptionError::Topic { topic, source })
    };
    topics.into_iter().map(parse).collect()
}

fn describe(result: CallResult) -> String {
    match result {
        CallResult::Ok => "returns none".into(),
        CallResult::Timeout => "returns the error timeout".into(),
        CallResult::Connection(why) => format!("returns the error connection: {why}"),
        CallResult::Other(why) => format!("returns the error other: {why}"),
        CallResult::Failed(failure) => format!("does not return: {failure}"),
    }
}
