//! One subscription made ready: its component loaded, its topics known, its
//! place at the broker taken.

use std::sync::Arc;
use std::time::Duration;

use super::brokers::Brokers;
use super::composition::{self, Composed, composition};
use super::error::SubscriptionError;
use crate::broker::embedded::Embedded;
use crate::broker::{self, Both, BrokerError, DeadLetters, LetterTopic, Opened, SubscribeSpec};
use crate::config::{self, Guests, Subscription};
use crate::delivery::{Delivery, Stats, Workers};
use crate::guest::{
    CallResult, Component, Connections, Endpoint, Environment, Grant, HttpHandler, Replies, Runtime,
};
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
    /// Dead letters are published, and not in a store here.
    pub(super) letters_elsewhere: bool,
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
        in_flight: subscription.policy.room(),
    };
    let reply_to = subscription.reply_to.as_ref();
    let opened = brokers.get(&subscription.from);
    let source = join(spec, opened, brokers.store()).await?;
    let keeper = opened.embedded.as_ref().unwrap_or(brokers.store());
    let blocks = subscription.policy.blocks();
    let blocked_keys = keeper.blocked_keys(&subscription.name, blocks).await?;
    Ok(Ready {
        from: subscription.from.clone(),
        letters_elsewhere: subscription.dead_letters.is_some(),
        source,
        delivery: Delivery {
            name: subscription.name.clone(),
            policy: subscription.policy.clone(),
            handler: Arc::new(component),
            replies: reply_to.map(|it| connections[&it.connection].clone()),
            workers,
            dead_letters: letters(subscription, brokers).await?,
            blocked_keys,
            stats: Arc::new(Stats::default()),
        },
    })
}

/// Where dead letters go that their broker does not keep.
async fn letters(
    subscription: &Subscription,
    brokers: &Brokers,
) -> Result<Arc<dyn DeadLetters>, SubscriptionError> {
    let store = brokers.store().clone();
    let Some(to) = &subscription.dead_letters else {
        return Ok(store);
    };
    let broker = brokers.get(&to.connection).broker.clone();
    let topic = LetterTopic::open(broker, &to.topic, store).await;
    Ok(Arc::new(topic.map_err(SubscriptionError::DeadLetters)?))
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
    let Composed { bytes, handler } = composition(subscription)?;
    let listed = Allow::parse(&subscription.allow).map_err(SubscriptionError::Allow)?;
    let endpoint = subscription.endpoint.as_ref();
    let on_network = endpoint.filter(|it| it.handler.is_none());
    let named = subscription.endpoints.iter().map(|(_, endpoint)| endpoint);
    let reached = on_network.into_iter().chain(named);
    let allow = reached.fold(listed, |allow, it| allow.with_endpoint(&it.url));
    let environment = Environment {
        settings: subscription.pairs().into_iter().collect(),
        connections: connections.clone(),
        allow: Arc::new(allow),
        endpoint: match endpoint {
            Some(endpoint) => receiver(subscription, endpoint, runtime)?,
            None => None,
        },
        grant: Grant::default(),
        limits: subscription.limits.clone(),
    };
    Ok(runtime.load(&subscription.name, &bytes, handler, environment)?)
}

/// What the components' hook has to know of the endpoint: nothing of one that
/// is on the network, and whose responses are not published.
fn receiver(
    subscription: &Subscription,
    endpoint: &config::Endpoint,
    runtime: &Runtime,
) -> Result<Option<Arc<Endpoint>>, SubscriptionError> {
    let handler = match &endpoint.handler {
        Some(handler) => Some(load_handler(subscription, handler, runtime)?),
        None => None,
    };
    let reply_to = subscription.reply_to.as_ref();
    let needed = handler.is_some() || reply_to.is_some();
    Ok(needed.then(|| {
        Arc::new(Endpoint {
            settings: endpoint.settings.clone(),
            handler,
            replies: reply_to.map(|it| Replies {
                by: subscription.name.clone(),
                topic: it.topic.clone(),
                max_size: it.max_size,
            }),
        })
    }))
}

/// The handler is a stranger: it has the settings that the user wrote, the
/// hosts that `allow` lists and what it was granted, and no connections.
fn load_handler(
    subscription: &Subscription,
    handler: &config::Handler,
    runtime: &Runtime,
) -> Result<HttpHandler, SubscriptionError> {
    let (bytes, answering) = composition::handler(handler)?;
    let settings = subscription.settings.iter();
    let environment = Environment {
        settings: settings
            .map(|(key, value)| (key.clone(), value.expose().to_owned()))
            .collect(),
        connections: Arc::default(),
        allow: Arc::new(Allow::parse(&subscription.allow).map_err(SubscriptionError::Allow)?),
        endpoint: None,
        grant: handler.grant.clone(),
        limits: subscription.limits.clone(),
    };
    let stem = handler.file.file_stem().unwrap_or_default();
    let name = format!("{}/{}", subscription.name, stem.display());
    Ok(runtime.load_handler(&name, &bytes, answering, environment)?)
}

/// What is said of one that asks for nothing.
const NONE: &str = "returns none, or is not there, as in the newest draft of wasi:messaging";

/// The topics that the component asks for by its `subscribe`.
async fn asked_for(component: &Component) -> Result<Vec<TopicPattern>, SubscriptionError> {
    let topics = match component.subscribe(SUBSCRIBE_TIMEOUT).await {
        Ok(topics) => topics,
        Err(result) => return Err(SubscriptionError::NoTopics(describe(result))),
    };
    if topics.is_empty() {
        return Err(SubscriptionError::NoTopics(NONE.into()));
    }
    let parse = |topic: String| {
        TopicPattern::parse(&topic).map_err(|source| SubscriptionError::Topic { topic, source })
    };
    topics.into_iter().map(parse).collect()
}

fn describe(result: CallResult) -> String {
    match result {
        CallResult::Ok => NONE.into(),
        CallResult::Timeout => "returns the error timeout".into(),
        CallResult::Connection(why) => format!("returns the error connection: {why}"),
        CallResult::Other(why) => format!("returns the error other: {why}"),
        CallResult::Failed(failure) => format!("does not return: {failure}"),
    }
}
