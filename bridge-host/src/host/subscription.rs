//! Prepares one subscription: loads its component, finds its topics, and joins its group
//! at the broker, once for each of its threads. Running it stays out.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::brokers::Brokers;
use super::component_source::{ComponentSource, ask_topics};
use super::error::SubscriptionError;
use super::known_topics::KnownTopics;
use super::threads::Threads;
use crate::broker::{
    self, Broker, BrokerError, DeadLetterStore, DeadLetterTopic, ExternalDeadLetters,
    MergedSubscription, SubscribeSpec,
};
use crate::config::Subscription;
use crate::delivery::{AdmissionGate, Delivery, Policy, Stats};
use crate::guest::{Component, Connections, Thread};
use crate::message::TopicPattern;
use crate::trouble::Troubles;

/// A subscription that is ready to run.
pub(super) struct ReadySubscription {
    pub(super) name: String,
    /// The patterns of its topics.
    pub(super) topics: Vec<TopicPattern>,
    /// The broker of its messages.
    pub(super) from: Arc<dyn Broker>,
    /// Whether its dead letters are published instead of stored.
    pub(super) publishes_dead_letters: bool,
    /// The parts of its threads.
    pub(super) shares: Vec<ThreadShare>,
}

/// The part of a subscription that runs on one thread.
pub(super) struct ThreadShare {
    pub(super) delivery: Delivery,
    pub(super) source: Box<dyn broker::Subscription>,
    pub(super) thread: usize,
}

/// The parts of a subscription that all its threads share.
struct SharedParts<'a> {
    subscription: &'a Subscription,
    brokers: &'a Brokers,
    topics: Vec<TopicPattern>,
    gate: Arc<AdmissionGate>,
    replies: Option<Arc<dyn Broker>>,
    dead_letters: Arc<dyn DeadLetterStore>,
    blocked_keys: Vec<String>,
    troubles: &'a Troubles,
}

/// Loads the component of a subscription and joins its group at the broker, once for each
/// of its threads. The threads share the subscription as several hosts do.
pub(super) async fn prepare(
    load: &ComponentSource,
    connections: &Arc<Connections>,
    brokers: &Brokers,
    threads: &Threads,
    assigned: &[usize],
    known: &mut KnownTopics,
    troubles: &Troubles,
) -> Result<ReadySubscription, SubscriptionError> {
    let subscription = &*load.subscription;
    let components = assigned.iter().map(|it| load.component(Thread(*it)));
    let components = components.collect::<Result<Vec<_>, _>>()?;
    let topics = match &subscription.topics {
        Some(topics) => topics.clone(),
        None => {
            let topics = ask_topics(&components[0]).await?;
            known.record(load.digest(), &topics);
            topics
        }
    };
    let common = SharedParts::new(subscription, brokers, connections, topics, troubles).await?;
    let mut shares = Vec::new();
    for (n, (thread, component)) in assigned.iter().zip(components).enumerate() {
        let policy = subscription.policy.share(n, assigned.len());
        shares.push(ThreadShare {
            source: common.join(*thread, &policy).await?,
            delivery: common.delivery(policy, component, threads.runtime(*thread).clone()),
            thread: *thread,
        });
    }
    Ok(ReadySubscription {
        name: subscription.name.clone(),
        topics: common.topics,
        from: brokers.on_thread(assigned[0], &subscription.from).clone(),
        publishes_dead_letters: subscription.dead_letters.is_some(),
        shares,
    })
}

impl<'a> SharedParts<'a> {
    async fn new(
        subscription: &'a Subscription,
        brokers: &'a Brokers,
        connections: &Connections,
        topics: Vec<TopicPattern>,
        troubles: &'a Troubles,
    ) -> Result<Self, SubscriptionError> {
        let own = brokers.get(&subscription.from).store();
        let keeper = own.unwrap_or(brokers.store());
        let blocks = subscription.policy.blocks();
        let blocked_keys = keeper.blocked_keys(&subscription.name, blocks).await;
        let reply_to = subscription.reply_to.as_ref();
        Ok(Self {
            topics,
            gate: Arc::new(AdmissionGate::new(&subscription.policy)),
            replies: reply_to.map(|it| connections[&it.connection].clone()),
            dead_letters: dead_letters(subscription, brokers).await?,
            blocked_keys: blocked_keys.map_err(BrokerError::from)?,
            subscription,
            brokers,
            troubles,
        })
    }

    /// Joins the group at the broker. If the broker keeps no dead letters, also joins the
    /// group in the local store, from which dead letters are replayed.
    async fn join(
        &self,
        thread: usize,
        policy: &Policy,
    ) -> Result<Box<dyn broker::Subscription>, BrokerError> {
        let Subscription { name, from, .. } = self.subscription;
        let ordered = self.subscription.policy.ordered();
        let spec = SubscribeSpec {
            name: name.clone(),
            topics: self.topics.clone(),
            start: self.subscription.start.unwrap_or_default(),
            ordered,
            longest_wait: policy.retry.max_delay,
            in_flight: policy.capacity(),
        };
        let broker = self.brokers.on_thread(thread, from);
        let source = broker.subscribe(spec).await?;
        if broker.capabilities().dead_letters {
            return Ok(source);
        }
        let store = self.brokers.store();
        let mut replays =
            broker::join_local_group(store, name, ordered, policy.retry.max_delay).await?;
        if self.subscription.dead_letters.is_some() {
            replays = Box::new(ExternalDeadLetters::new(replays));
        }
        Ok(Box::new(MergedSubscription::new(source, replays)))
    }

    fn delivery(&self, policy: Policy, component: Component, runtime: Handle) -> Delivery {
        Delivery {
            troubles: self.troubles.clone(),
            name: self.subscription.name.clone(),
            policy,
            gate: self.gate.clone(),
            handler: Arc::new(component),
            replies: self.replies.clone(),
            runtime,
            dead_letters: self.dead_letters.clone(),
            blocked_keys: self.blocked_keys.clone(),
            crashes: self.brokers.crashes().clone(),
            stats: Arc::new(Stats::default()),
        }
    }
}

/// Returns where dead letters go: to the topic that the config names, or else to the local
/// store.
async fn dead_letters(
    subscription: &Subscription,
    brokers: &Brokers,
) -> Result<Arc<dyn DeadLetterStore>, SubscriptionError> {
    let store = brokers.store().clone();
    let Some(to) = &subscription.dead_letters else {
        return Ok(store);
    };
    let broker = brokers.get(&to.connection).clone();
    let topic = DeadLetterTopic::open(broker, &to.topic, store, subscription.policy.max_hops).await;
    Ok(Arc::new(topic.map_err(SubscriptionError::DeadLetters)?))
}
