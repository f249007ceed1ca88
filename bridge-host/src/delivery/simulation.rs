//! Deliveries simulated with paused time, without WebAssembly and without disks:
//! a model of a broker, a scripted handler, random schedules with faults,
//! shutdowns and crashes, and single cases.

mod blocking_letters;
mod cases;
mod invariants;
mod key_order;
mod lease;
mod limits;
mod model;
mod postponed;
mod random;
mod schedule;
mod script;
mod shutdown;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::engine::DeliveryEngine;
use super::jitter::Jitter;
use super::{AdmissionGate, CrashRecord, Delivery, DrainSummary, Policy, Retry, Stats};
use crate::broker::{
    BrokerError, DeadLetterStore, FailedDelivery, KeyTurn, KeyedMessage, ParkedMessage,
};
use crate::trouble::Troubles;
use model::Model;
use script::Script;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// Returns a policy with these values and a timeout of 30 seconds.
fn policy(max_in_flight: usize, max_attempts: u32, initial_delay: Duration) -> Policy {
    Policy {
        max_in_flight,
        timeout: 30 * SECOND,
        retry: Retry {
            max_age: Some(1000 * 3600 * SECOND),
            max_attempts: NonZeroU32::new(max_attempts),
            max_crashes: 3,
            initial_delay,
            max_delay: 3600 * SECOND,
        },
        ..Policy::default()
    }
}

/// Stores nothing: the model keeps its dead letters itself.
struct NoDeadLetters;

#[async_trait::async_trait]
impl DeadLetterStore for NoDeadLetters {
    async fn keep(&self, _: FailedDelivery) -> Result<(), BrokerError> {
        Err(BrokerError::refused(std::fmt::Error))
    }

    async fn turn(&self, _: KeyedMessage) -> Result<KeyTurn, BrokerError> {
        Err(BrokerError::refused(std::fmt::Error))
    }

    async fn park(&self, _: ParkedMessage) -> Result<(), BrokerError> {
        Err(BrokerError::refused(std::fmt::Error))
    }
}

/// A running engine.
struct RunningEngine {
    stats: Arc<Stats>,
    troubles: Troubles,
    shutdown: watch::Sender<bool>,
    task: JoinHandle<DrainSummary>,
}

impl RunningEngine {
    fn start(model: &Arc<Model>, script: &Arc<Script>, policy: &Policy, drain: Duration) -> Self {
        let runtime = Handle::current();
        Self::start_on(runtime, model, script, policy, drain)
    }

    fn start_on(
        runtime: Handle,
        model: &Arc<Model>,
        script: &Arc<Script>,
        policy: &Policy,
        drain: Duration,
    ) -> Self {
        let gate = Arc::new(AdmissionGate::new(policy));
        Self::start_behind(gate, runtime, model, script, policy, drain)
    }

    /// Starts two engines that share a subscription and the gate.
    fn start_two(model: &Arc<Model>, script: &Arc<Script>, policy: &Policy) -> [Self; 2] {
        let gate = Arc::new(AdmissionGate::new(policy));
        [0, 1].map(|n| {
            let (gate, policy) = (gate.clone(), policy.share(n, 2));
            Self::start_behind(gate, Handle::current(), model, script, &policy, SECOND)
        })
    }

    fn start_behind(
        gate: Arc<AdmissionGate>,
        runtime: Handle,
        model: &Arc<Model>,
        script: &Arc<Script>,
        policy: &Policy,
        drain: Duration,
    ) -> Self {
        let (stats, troubles) = (Arc::new(Stats::default()), Troubles::default());
        let delivery = Delivery {
            troubles: troubles.clone(),
            name: "simulated".into(),
            policy: policy.clone(),
            gate,
            handler: script.clone(),
            replies: None,
            runtime,
            dead_letters: Arc::new(NoDeadLetters),
            crashes: CrashRecord::disabled(),
            blocked_keys: model.blocked_keys(),
            stats: stats.clone(),
        };
        script.invariants.start(model, &stats);
        let (shutdown, mut signal) = watch::channel(false);
        let engine = DeliveryEngine::new(delivery, Jitter::seeded(script.seed()));
        let subscription = model.subscribe();
        let task = tokio::spawn(async move {
            let signal = async move { drop(signal.wait_for(|on| *on).await) };
            engine.run(subscription, signal, drain).await
        });
        Self {
            stats,
            troubles,
            shutdown,
            task,
        }
    }

    /// Shuts the engine down in order.
    async fn shut_down(self) -> DrainSummary {
        self.shutdown.send_replace(true);
        self.task.await.unwrap()
    }

    /// Ends the engine as a killed process ends.
    async fn crash(self, model: &Model) {
        self.task.abort();
        let _ = self.task.await;
        model.forget_leases().await;
    }
}
