//! The start: brokers open, components compile, subscriptions join. Messages
//! are taken as soon as every subscription is known to the broker that they
//! are published to, long before the components are compiled.

use std::sync::Arc;

use super::brokers::Brokers;
use super::code::{Codes, Compilation};
use super::error::HostError;
use super::front::Front;
use super::known_topics::KnownTopics;
use super::load::Load;
use super::subscription::{self, Ready};
use super::threads::Threads;
use super::workers::on_all_cores;
use super::{ledger, left_over, loops};
use crate::admin::Phase;
use crate::broker::SubscribeSpec;
use crate::config::{Config, Subscription};
use crate::guest::{Connections, Runtime};
use crate::ingest::SubscribedTopics;
use crate::message::TopicPattern;
use crate::trouble::Troubles;

/// What a start has to do, and what it has so far.
pub(super) struct Start<'a> {
    config: &'a Config,
    front: &'a Front,
    threads: &'a Threads,
    brokers: &'a Arc<Brokers>,
    connections: Arc<Connections>,
    runtime: Arc<Runtime>,
    troubles: &'a Troubles,
}

impl<'a> Start<'a> {
    pub(super) fn new(
        config: &'a Config,
        front: &'a Front,
        threads: &'a Threads,
        brokers: &'a Arc<Brokers>,
        troubles: &'a Troubles,
    ) -> Result<Self, HostError> {
        let wasm = &config.wasm;
        let runtime = Runtime::new(&wasm.cache, wasm.memory, &config.http)?;
        front.tell_of(brokers, &[]);
        Ok(Self {
            config,
            front,
            threads,
            brokers,
            connections: Arc::new(brokers.connections()),
            runtime: Arc::new(runtime),
            troubles,
        })
    }

    /// Makes every subscription ready to run.
    pub(super) async fn run(self) -> Result<Vec<Ready>, HostError> {
        let mut known = KnownTopics::read(self.brokers.store().folder());
        let loads = self.read().await?;
        if let Some(topics) = self.announce(&loads, &known).await? {
            self.open(topics);
        }
        self.compile(&loads).await?;
        let mut ready = Vec::new();
        for (n, load) in loads.iter().enumerate() {
            let places = self.threads.of(n);
            let prepared = subscription::prepare(
                load,
                &self.connections,
                self.brokers,
                self.threads,
                places,
                &mut known,
                self.troubles,
            );
            ready.push(prepared.await.map_err(of(&load.subscription))?);
        }
        let connection = &self.config.intake.publish_to;
        let taken = loads
            .iter()
            .zip(&ready)
            .filter(|(load, _)| load.subscription.from == *connection);
        self.open(taken.flat_map(|(_, ready)| ready.topics.clone()).collect());
        known.keep();
        for (name, store) in self.brokers.stores() {
            left_over::tell(name, store).await;
        }
        loops::tell(self.config, &ready);
        self.front.tell_of(self.brokers, &ready);
        Ok(ready)
    }

    /// Takes messages from now on; these are the topics of the subscriptions
    /// to the intake's broker.
    fn open(&self, topics: Vec<TopicPattern>) {
        let intake = &self.config.intake;
        let broker = self.brokers.get(&intake.publish_to);
        // Other hosts may have subscriptions to a broker that hosts share.
        let routes = (!broker.capabilities().shared).then_some(SubscribedTopics {
            topics,
            unrouted: intake.unrouted,
        });
        self.front.intake_state.open(broker.clone(), routes);
    }

    /// Reads and composes the components of every subscription.
    async fn read(&self) -> Result<Vec<Load>, HostError> {
        let subscriptions = self.config.subscriptions.iter().cloned().map(Arc::new);
        let (runtime, connections) = (self.runtime.clone(), self.connections.clone());
        let codes = Codes::default();
        let read = move |subscription: &Arc<Subscription>| {
            Load::read(subscription, &runtime, &connections, &codes).map_err(of(subscription))
        };
        let progress = |_| self.tell("the components are being loaded".into());
        on_all_cores(subscriptions.collect(), read, progress)
            .await
            .map_err(HostError::Thread)?
    }

    /// Has the intake's broker keep messages for the subscriptions that take
    /// theirs from it. Returns their topics where it does so for all of them.
    async fn announce(
        &self,
        loads: &[Load],
        known: &KnownTopics,
    ) -> Result<Option<Vec<TopicPattern>>, HostError> {
        let (mut all, mut taken) = (true, Vec::new());
        let connection = &self.config.intake.publish_to;
        for load in loads
            .iter()
            .filter(|it| it.subscription.from == *connection)
        {
            let subscription = &load.subscription;
            let topics = subscription.topics.clone();
            let topics = topics.or_else(|| known.of(&load.digest()));
            let Some(topics) = topics else {
                all = false;
                continue;
            };
            taken.extend_from_slice(&topics);
            let spec = spec(subscription, topics);
            let announced = self.connections[connection].announce(spec).await;
            all &= announced.map_err(|error| of(subscription)(error.into()))?;
        }
        Ok(all.then_some(taken))
    }

    /// Compiles every component that is not in the cache.
    async fn compile(&self, loads: &[Load]) -> Result<(), HostError> {
        let mut jobs: Vec<_> = loads.iter().flat_map(Load::compilations).collect();
        jobs.sort_by_key(Compilation::key);
        jobs.dedup_by_key(|job| job.key());
        let count = jobs.len();
        let runtime = self.runtime.clone();
        let compiled = on_all_cores(
            jobs,
            move |job| job.run(&runtime).map_err(of(&job.subscription)),
            |done| self.tell(format!("{done} of {count} components compiled")),
        );
        compiled.await.map_err(HostError::Thread)?.map(drop)
    }

    fn tell(&self, how_far: String) {
        self.front.admin.set_phase(Phase::Starting(how_far));
    }
}

impl Front {
    /// The brokers are open, and these subscriptions run.
    fn tell_of(&self, brokers: &Arc<Brokers>, subscriptions: &[Ready]) {
        let needed = brokers.clone();
        let view = ledger::View::new(brokers, subscriptions, &self.intake_state);
        self.admin.set_sources(view, move || needed.trouble());
    }
}

/// What a subscription asks of its broker as a whole.
fn spec(subscription: &Subscription, topics: Vec<TopicPattern>) -> SubscribeSpec {
    SubscribeSpec {
        name: subscription.name.clone(),
        topics,
        start: subscription.start.unwrap_or_default(),
        ordered: subscription.policy.ordered(),
        longest_wait: subscription.policy.retry.max_delay,
        in_flight: subscription.policy.room(),
    }
}

/// The error of a subscription, as the host's.
fn of(subscription: &Subscription) -> impl Fn(super::SubscriptionError) -> HostError {
    let name = subscription.name.clone();
    move |source| HostError::Subscription {
        name: name.clone(),
        source: Box::new(source),
    }
}
