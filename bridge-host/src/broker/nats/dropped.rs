//! Counts the messages of core NATS that the client dropped. The client reports that it drops
//! messages, but not how many. It counts the messages that arrive, so the number is known once all
//! subscriptions are idle.
//!
//! `core_subscription` records what it takes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::client::ReconnectingClient;

/// Counts what the subscriptions of one connection took.
#[derive(Default)]
pub(super) struct DropCounter {
    members: AtomicUsize,
    /// How many subscriptions have taken all messages that arrived.
    idle: AtomicUsize,
    taken: AtomicU64,
    told: AtomicU64,
}

impl DropCounter {
    pub(super) fn subscription_joined(&self) {
        self.members.fetch_add(1, Relaxed);
    }

    /// Records that a subscription ended.
    pub(super) fn subscription_ended(&self, was_idle: bool) {
        self.members.fetch_sub(1, Relaxed);
        self.idle.fetch_sub(usize::from(was_idle), Relaxed);
    }

    pub(super) fn record_taken(&self) {
        self.taken.fetch_add(1, Relaxed);
    }

    /// Records that a subscription became idle, or busy.
    pub(super) fn set_idle(&self, idle: bool) {
        match idle {
            true => self.idle.fetch_add(1, Relaxed),
            false => self.idle.fetch_sub(1, Relaxed),
        };
    }

    /// Logs how many messages were dropped, once all subscriptions are idle.
    pub(super) fn log_dropped(&self, connection: &ReconnectingClient) {
        if self.idle.load(Relaxed) < self.members.load(Relaxed) {
            return;
        }
        let arrived = connection.arrived();
        let known = self.taken.load(Relaxed) + self.told.load(Relaxed);
        let dropped = arrived.saturating_sub(known);
        self.told.fetch_add(dropped, Relaxed);
        connection.set_drops_logged();
        tracing::warn!(
            connection = connection.name,
            messages = dropped,
            "slow consumer: messages were dropped, because they arrived faster than the bridge took them"
        );
    }

    /// Resets the counters: a new client counts from 0.
    pub(super) fn reset(&self) {
        self.taken.store(0, Relaxed);
        self.told.store(0, Relaxed);
    }
}
