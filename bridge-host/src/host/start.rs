//! The start: reads and compiles components, and joins subscriptions. The intake accepts
//! messages once its broker knows all subscriptions, which may be before the components
//! are compiled. Opening brokers stays out.

use std::sync::Arc;

use super::brokers::Brokers;
use super::code::{Compilation, ComponentCodes};
use super::component_source::ComponentSource;
use super::error::HostError;
use super::known_topics::KnownTopics;
use super::listeners::Listeners;
use super::subscription::{self, ReadySubscription};
use super::threads::Threads;
use super::workers::on_all_cores;
use super::{ledger, loops, orphans};
use crate::admin::Phase;
use crate::broker::SubscribeSpec;
use crate::config::{Config, Subscription};
use crate::guest::{Connections, Runtime};
use crate::ingest::SubscribedTopics;
use crate::message::TopicPattern;
use crate::trouble::Troubles;

/// A start in progress.
pub(super) struct Startup<'a> {
    config: &'a Config,
    listeners: &'a Listeners,
    threads: &'a Threads,
    brokers: &'a Arc<Brokers>,
    connections: Arc<Connections>,
    runtime: Arc<Runtime>,
    troubles: &'a Troubles,
}

impl<'a> Startup<'a> {
    pub(super) fn new(
        config: &'a Config,
        listeners: &'a Listeners,
        threads: &'a Threads,
        brokers: &'a Arc<Brokers>,
        troubles: &'a Troubles,
    ) -> Result<Self, HostError> {
        let wasm = &config.wasm;
        let runtime = Runtime::new(&wasm.cache, wasm.memory, &config.http)?;
        listeners.show(brokers, &[]);
        Ok(Self {
            config,
            listeners,
            threads,
            brokers,
            connections: Arc::new(brokers.connections()),
            runtime: Arc::new(runtime),
            troubles,
        })
    }

    /// Prepares all subscriptions.
    pub(super) async fn run(self) -> Result<Vec<ReadySubscription>, HostError> {
        let mut known = KnownTopics::read(self.brokers.store().folder());
        let loads = self.read().await?;
        if let Some(topics) = self.announce(&loads, &known).await? {
            self.open(topics);
        }
        self.compile(&loads).await?;
        let mut ready = Vec::new();
        for (n, load) in loads.iter().enumerate() {
            let assigned = self.threads.of(n);
            let prepared = subscription::prepare(
                load,
                &self.connections,
                self.brokers,
                self.threads,
                assigned,
                &mut known,
                self.troubles,
            );
            ready.push(
                prepared
                    .await
                    .map_err(subscription_error(&load.subscription))?,
            );
        }
        let connection = &self.config.intake.publish_to;
        let taken = loads
            .iter()
            .zip(&ready)
            .filter(|(load, _)| load.subscription.from == *connection);
        self.open(taken.flat_map(|(_, ready)| ready.topics.clone()).collect());
        known.save();
        for (name, store) in self.brokers.stores() {
            orphans::warn(name, store).await;
        }
        loops::warn(self.config, &ready);
        self.listeners.show(self.brokers, &ready);
        Ok(ready)
    }

    /// Lets the intake accept messages. `topics` are the topics of all subscriptions
    /// to its broker.
    fn open(&self, topics: Vec<TopicPattern>) {
        let intake = &self.config.intake;
        let broker = self.brokers.get(&intake.publish_to);
        // Other hosts may have subscriptions to a broker that hosts share.
        let routes = (!broker.capabilities().shared).then_some(SubscribedTopics {
            topics,
            unrouted: intake.unrouted,
        });
        self.listeners.intake_state.open(broker.clone(), routes);
    }

    /// Reads and composes the components of every subscription.
    async fn read(&self) -> Result<Vec<ComponentSource>, HostError> {
        let subscriptions = self.config.subscriptions.iter().cloned().map(Arc::new);
        let (runtime, connections) = (self.runtime.clone(), self.connections.clone());
        let codes = ComponentCodes::default();
        let read = move |subscription: &Arc<Subscription>| {
            ComponentSource::read(subscription, &runtime, &connections, &codes)
                .map_err(subscription_error(subscription))
        };
        let progress = |_| self.set_progress("the components are being loaded".into());
        on_all_cores(subscriptions.collect(), read, progress)
            .await
            .map_err(HostError::Thread)?
    }

    /// Announces subscriptions to the intake's broker, so that it keeps messages for them.
    /// Returns their topics if it does so for all of them.
    async fn announce(
        &self,
        loads: &[ComponentSource],
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
            all &= announced.map_err(|error| subscription_error(subscription)(error.into()))?;
        }
        Ok(all.then_some(taken))
    }

    /// Compiles every component that is not in the cache.
    async fn compile(&self, loads: &[ComponentSource]) -> Result<(), HostError> {
        let mut jobs: Vec<_> = loads
            .iter()
            .flat_map(ComponentSource::compilations)
            .collect();
        jobs.sort_by_key(Compilation::key);
        jobs.dedup_by_key(|job| job.key());
        let count = jobs.len();
        let runtime = self.runtime.clone();
        let compiled = on_all_cores(
            jobs,
            move |job| {
                job.run(&runtime)
                    .map_err(subscription_error(&job.subscription))
            },
            |done| self.set_progress(format!("{done} of {count} components compiled")),
        );
        compiled.await.map_err(HostError::Thread)?.map(drop)
    }

    fn set_progress(&self, progress: String) {
        self.listeners.admin.set_phase(Phase::Starting(progress));
    }
}

impl Listeners {
    /// Shows these brokers and subscriptions to operators.
    fn show(&self, brokers: &Arc<Brokers>, subscriptions: &[ReadySubscription]) {
        let all = brokers.clone();
        let view = ledger::LedgerView::new(brokers, subscriptions, &self.intake_state);
        self.admin.set_sources(view, move || all.trouble());
    }
}

/// Returns what a subscription requests from its broker, for all its threads together.
fn spec(subscription: &Subscription, topics: Vec<TopicPattern>) -> SubscribeSpec {
    SubscribeSpec {
        name: subscription.name.clone(),
        topics,
        start: subscription.start.unwrap_or_default(),
        ordered: subscription.policy.ordered(),
        longest_wait: subscription.policy.retry.max_delay,
        in_flight: subscription.policy.capacity(),
    }
}

/// Returns a function that adds the name of a subscription to its error.
fn subscription_error(
    subscription: &Subscription,
) -> impl Fn(super::SubscriptionError) -> HostError {
    let name = subscription.name.clone();
    move |source| HostError::Subscription {
        name: name.clone(),
        source: Box::new(source),
    }
}
