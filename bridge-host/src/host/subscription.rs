//! One subscription made ready: its component loaded, its topics known, its
//! places at the broker taken, one for each of its threads.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::brokers::Brokers;
use super::error::SubscriptionError;
use super::known_topics::KnownTopics;
use super::load::{Load, asked_for};
use super::threads::Threads;
use crate::broker::{
    self, Both, Broker, BrokerError, DeadLetters, LetterTopic, LettersElsewhere, SubscribeSpec,
};
use crate::config::Subscription;
use crate::delivery::{Delivery, Gate, Policy, Stats};
use crate::guest::{Component, Connections, Thread};
use crate::message::TopicPattern;
use crate::trouble::Troubles;

/// A subscription that only has to be started.
pub(super) struct Ready {
    pub(super) name: String,
    /// What it takes.
    pub(super) topics: Vec<TopicPattern>,
    /// Where its messages come from.
    pub(super) from: Arc<dyn Broker>,
    /// Dead letters are published, and not in a store here.
    pub(super) letters_elsewhere: bool,
    /// One for each of its threads.
    pub(super) shares: Vec<Share>,
}

/// What one thread has of a subscription.
pub(super) struct Share {
    pub(super) delivery: Delivery,
    pub(super) source: Box<dyn broker::Subscription>,
    pub(super) thread: usize,
}

/// What the shares of a subscription have in common.
struct Common<'a> {
    subscription: &'a Subscription,
    brokers: &'a Brokers,
    topics: Vec<TopicPattern>,
    gate: Arc<Gate>,
    replies: Option<Arc<dyn Broker>>,
    dead_letters: Arc<dyn DeadLetters>,
    blocked_keys: Vec<String>,
    troubles: &'a Troubles,
}

/// Loads the component of a subscription and joins its group at the broker,
/// once for each of its threads: they share it as so many hosts would.
pub(super) async fn prepare(
    load: &Load,
    connections: &Arc<Connections>,
    brokers: &Brokers,
    threads: &Threads,
    places: &[usize],
    known: &mut KnownTopics,
    troubles: &Troubles,
) -> Result<Ready, SubscriptionError> {
    let subscription = &*load.subscription;
    let components = places.iter().map(|it| load.component(Thread(*it)));
    let components = components.collect::<Result<Vec<_>, _>>()?;
    let topics = match &subscription.topics {
        Some(topics) => topics.clone(),
        None => {
            let topics = asked_for(&components[0]).await?;
            known.note(load.digest(), &topics);
            topics
        }
    };
    let common = Common::new(subscription, brokers, connections, topics, troubles).await?;
    let mut shares = Vec::new();
    for (n, (thread, component)) in places.iter().zip(components).enumerate() {
        let policy = subscription.policy.share(n, places.len());
        shares.push(Share {
            source: common.join(*thread, &policy).await?,
            delivery: common.delivery(policy, component, threads.runtime(*thread).clone()),
            thread: *thread,
        });
    }
    Ok(Ready {
        name: subscription.name.clone(),
        topics: common.topics,
        from: brokers.on(places[0], &subscription.from).clone(),
        letters_elsewhere: subscription.dead_letters.is_some(),
        shares,
    })
}

impl<'a> Common<'a> {
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
            gate: Arc::new(Gate::new(&subscription.policy)),
            replies: reply_to.map(|it| connections[&it.connection].clone()),
            dead_letters: letters(subscription, brokers).await?,
            blocked_keys: blocked_keys.map_err(BrokerError::from)?,
            subscription,
            brokers,
            troubles,
        })
    }

    /// Joins the group at its broker; and in the local store, from which its
    /// dead letters come again, where the broker is another.
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
            in_flight: policy.room(),
        };
        let broker = self.brokers.on(thread, from);
        let source = broker.subscribe(spec).await?;
        if broker.capabilities().dead_letters {
            return Ok(source);
        }
        let store = self.brokers.store();
        let mut replays = broker::replays(store, name, ordered, policy.retry.max_delay).await?;
        if self.subscription.dead_letters.is_some() {
            replays = Box::new(LettersElsewhere::new(replays));
        }
        Ok(Box::new(Both::new(source, replays)))
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

/// Where dead letters go that their broker does not keep.
async fn letters(
    subscription: &Subscription,
    brokers: &Brokers,
) -> Result<Arc<dyn DeadLetters>, SubscriptionError> {
    let store = brokers.store().clone();
    let Some(to) = &subscription.dead_letters else {
        return Ok(store);
    };
    let broker = brokers.get(&to.connection).clone();
    let topic = LetterTopic::open(broker, &to.topic, store, subscription.policy.max_hops).await;
    Ok(Arc::new(topic.map_err(SubscriptionError::DeadLetters)?))
}
