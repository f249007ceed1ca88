//! The state that the attempts of one delivery share. `run` decides when attempts
//! begin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::watch;

use super::admission_gate::AdmissionGate;
use super::blocked_keys::BlockedKeys;
use super::concurrency_limit::ConcurrencyLimit;
use super::jitter::Jitter;
use super::key_queues::KeyQueues;
use super::log::LogThrottles;
use super::message_source::MessageSource;
use super::retry_share::RetryShare;
use super::setup::Delivery;
use super::stats::Flow;

/// The state that the attempts of one delivery share.
pub(super) struct DeliveryEngine {
    pub(super) delivery: Delivery,
    pub(super) limit: ConcurrencyLimit,
    pub(super) gate: Arc<AdmissionGate>,
    pub(super) jitter: Jitter,
    /// Present if messages are ordered by key.
    pub(super) key_queues: Option<KeyQueues>,
    pub(super) blocked_keys: BlockedKeys,
    pub(super) retry_share: RetryShare,
    pub(super) throttles: LogThrottles,
    pub(super) source: MessageSource,
    /// Whether the engine is fetching messages, or would be if it could hold
    /// more.
    pub(super) fetching: AtomicBool,
    pub(super) draining: watch::Sender<bool>,
}

impl DeliveryEngine {
    pub(super) fn new(delivery: Delivery, jitter: Jitter) -> Arc<Self> {
        let policy = &delivery.policy;
        let engine = Arc::new(Self {
            limit: ConcurrencyLimit::new(policy),
            gate: delivery.gate.clone(),
            key_queues: policy.order.as_ref().map(|order| KeyQueues::new(&order.by)),
            blocked_keys: BlockedKeys::new(policy.order.as_ref(), &delivery.blocked_keys),
            retry_share: RetryShare::new(policy),
            throttles: LogThrottles::default(),
            source: MessageSource::default(),
            fetching: AtomicBool::new(false),
            draining: watch::Sender::new(false),
            delivery,
            jitter,
        });
        engine.gate.notify_when_closed(&engine.limit.permit_request);
        let weak = Arc::downgrade(&engine);
        let stats = &engine.delivery.stats;
        stats.set_flow_reader(move || weak.upgrade().map(|engine| engine.flow()));
        engine
    }

    fn flow(&self) -> Flow {
        Flow {
            limit: self.limit.current(),
            breaker: self.gate.circuit_state(),
            paused: self.gate.paused(),
            held_back: self.key_queues.as_ref().map_or(0, KeyQueues::queued),
        }
    }

    /// Returns whether the engine is fetching, so that a message of the broker
    /// would arrive.
    pub(super) fn is_fetching(&self) -> bool {
        self.fetching.load(Relaxed)
    }

    /// Returns whether the engine drains: no attempt begins any more.
    pub(super) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Waits until the engine drains.
    pub(super) async fn wait_until_draining(&self) {
        // This engine owns the sender, so the channel stays open.
        _ = self.draining.subscribe().wait_for(|on| *on).await;
    }
}
