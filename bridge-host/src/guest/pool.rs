//! A component's instances at rest and at work: how many there are, and who
//! waits for one. What an instance is, and how it is called, stays out.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::budget::Budget;
use super::instance::Instance;

/// The instances of one component.
pub(super) struct Pool {
    budget: Arc<Budget>,
    instances: Mutex<Instances>,
    returned: Notify,
}

#[derive(Default)]
struct Instances {
    idle: Vec<Instance>,
    /// Idle ones, and those on lease.
    alive: usize,
    /// The memory of the largest one so far, in bytes.
    largest: u64,
}

/// What a caller gets: an instance at rest, or the right to make one.
pub(super) enum Taken<'a> {
    /// One that was used before.
    Used(Lease<'a>, Instance),
    /// There is none at rest, and there may be one more.
    Room(Lease<'a>),
}

/// One instance's place among the living: given up when dropped, unless the
/// instance is given back.
pub(super) struct Lease<'a>(&'a Pool);

impl Pool {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            instances: Mutex::default(),
            returned: Notify::new(),
        }
    }

    /// An instance at rest, or room for a new one. Where the budget has no
    /// room, it waits for the first that is given back or given up; a
    /// component always gets its first.
    pub(super) async fn take(&self) -> Taken<'_> {
        loop {
            let returned = self.returned.notified();
            if let Some(taken) = self.try_take() {
                return taken;
            }
            returned.await;
        }
    }

    fn try_take(&self) -> Option<Taken<'_>> {
        let mut instances = self.lock();
        if let Some(instance) = instances.idle.pop() {
            return Some(Taken::Used(Lease(self), instance));
        }
        let room = instances.alive == 0 || self.budget.has_room(instances.largest);
        room.then(|| {
            instances.alive += 1;
            Taken::Room(Lease(self))
        })
    }

    fn lock(&self) -> MutexGuard<'_, Instances> {
        self.instances.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Lease<'_> {
    /// Gives the instance back, for the next call.
    pub(super) fn give_back(self, instance: Instance) {
        let mut instances = self.0.lock();
        instances.largest = instances.largest.max(instance.memory());
        // It stays among the living: taken back out by the drop of `self`.
        instances.alive += 1;
        instances.idle.push(instance);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.0.lock().alive -= 1;
        self.0.returned.notify_one();
    }
}
