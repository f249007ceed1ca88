//! The state of a consumer's messages on this host: the slots they hold, how far they are acknowledged,
//! and how many wait at the server for their retry. The messages themselves are in `kit::prefetch`.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::ack_progress::{AckProgress, ConsumerState};
use super::ack_subject::AckSubject;
use crate::broker::SubscribeSpec;
use crate::broker::kit::credit::Credit;
use crate::broker::kit::retry_limit::RetryLimit;

/// The state of one subscription's messages in this process.
pub(super) struct ConsumerFlow {
    pub(super) credit: Arc<Credit>,
    /// How many messages may wait at the server for their retry.
    pub(super) retries: RetryLimit,
    progress: Mutex<AckProgress>,
}

impl ConsumerFlow {
    pub(super) fn new(spec: &SubscribeSpec) -> Arc<Self> {
        Arc::new(Self {
            credit: Credit::new(spec.in_flight, spec.ordered),
            retries: RetryLimit::default(),
            progress: Mutex::default(),
        })
    }

    /// Records that a message arrived.
    pub(super) fn record_delivery(&self, origin: &AckSubject) {
        self.progress().record_delivery(origin);
    }

    /// Records that the message with this number is not delivered again.
    pub(super) fn acknowledged(&self, sequence: u64) {
        self.progress().acknowledged(sequence);
    }

    /// Records the state of the consumer, as the server reports it.
    pub(super) fn record_state(&self, standing: ConsumerState) {
        self.progress().record_state(standing);
    }

    /// Returns the number up to which all messages were acknowledged.
    pub(super) fn floor(&self) -> u64 {
        self.progress().floor()
    }

    /// Resets the state: the consumer was created again, on another stream.
    pub(super) fn reset(&self) {
        *self.progress() = AckProgress::default();
    }

    fn progress(&self) -> MutexGuard<'_, AckProgress> {
        self.progress.lock()
    }
}
