//! How many messages of core NATS were dropped: the client says that it drops
//! some, and not how many. It counts what arrives, so the rest is known as soon
//! as nothing waits to be taken.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::client::ReconnectingClient;

/// What the subscriptions of one connection took.
#[derive(Default)]
pub(super) struct DropCounter {
    members: AtomicUsize,
    /// Those that have taken all that came.
    idle: AtomicUsize,
    taken: AtomicU64,
    told: AtomicU64,
}

impl DropCounter {
    pub(super) fn joined(&self) {
        self.members.fetch_add(1, Relaxed);
    }

    /// One that was idle or not is gone.
    pub(super) fn left(&self, was_idle: bool) {
        self.members.fetch_sub(1, Relaxed);
        self.idle.fetch_sub(usize::from(was_idle), Relaxed);
    }

    pub(super) fn took(&self) {
        self.taken.fetch_add(1, Relaxed);
    }

    /// One has taken all that came, or has not any more.
    pub(super) fn is_idle(&self, idle: bool) {
        match idle {
            true => self.idle.fetch_add(1, Relaxed),
            false => self.idle.fetch_sub(1, Relaxed),
        };
    }

    /// Tells how many were dropped, once nothing waits.
    pub(super) fn tell(&self, connection: &ReconnectingClient) {
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

    /// Another client counts anew.
    pub(super) fn reset(&self) {
        self.taken.store(0, Relaxed);
        self.told.store(0, Relaxed);
    }
}
