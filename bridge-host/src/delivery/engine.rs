//! What the attempts of one delivery share. What is begun, and when, is in `run`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::watch;

use super::blocked::Blocked;
use super::gate::Gate;
use super::jitter::Jitter;
use super::lanes::Lanes;
use super::limit::Limit;
use super::log::Storms;
use super::retry_lane::RetryLane;
use super::setup::Delivery;
use super::source::Source;
use super::stats::Flow;

/// What the deliveries of a subscription share.
pub(super) struct Engine {
    pub(super) delivery: Delivery,
    pub(super) limit: Limit,
    pub(super) gate: Arc<Gate>,
    pub(super) jitter: Jitter,
    /// Where messages have an order by key.
    pub(super) lanes: Option<Lanes>,
    pub(super) blocked: Blocked,
    pub(super) retries: RetryLane,
    pub(super) storms: Storms,
    pub(super) source: Source,
    /// The broker is asked for messages, or would be if more could be held.
    pub(super) asking: AtomicBool,
    pub(super) draining: watch::Sender<bool>,
}

impl Engine {
    pub(super) fn new(delivery: Delivery, jitter: Jitter) -> Arc<Self> {
        let policy = &delivery.policy;
        let engine = Arc::new(Self {
            limit: Limit::new(policy),
            gate: delivery.gate.clone(),
            lanes: policy.order.as_ref().map(|order| Lanes::new(&order.by)),
            blocked: Blocked::new(policy.order.as_ref(), &delivery.blocked_keys),
            retries: RetryLane::new(policy),
            storms: Storms::default(),
            source: Source::default(),
            asking: AtomicBool::new(false),
            draining: watch::Sender::new(false),
            delivery,
            jitter,
        });
        engine.gate.tell(&engine.limit.wanted);
        let weak = Arc::downgrade(&engine);
        let stats = &engine.delivery.stats;
        stats.tell_flow(move || weak.upgrade().map(|engine| engine.flow()));
        engine
    }

    fn flow(&self) -> Flow {
        Flow {
            limit: self.limit.current(),
            breaker: self.gate.breaker(),
            paused: self.gate.paused(),
            held_back: self.lanes.as_ref().map_or(0, Lanes::held),
        }
    }

    /// Whether a message that the broker has to give would come.
    pub(super) fn is_asking(&self) -> bool {
        self.asking.load(Relaxed)
    }

    /// Whether nothing begins any more.
    pub(super) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Waits until nothing begins any more.
    pub(super) async fn draining(&self) {
        // The sender is this engine's: it is not gone.
        _ = self.draining.subscribe().wait_for(|on| *on).await;
    }
}
