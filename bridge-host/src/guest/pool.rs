//! A component's instances at rest and at work: how many there are, and who
//! waits for one. What an instance is, and how it is called, stays out.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::instance::{Instance, Mould, Ready};
use super::outcome::Failure;
use super::settings::Limits;

/// The instances of one component, and the mould of more.
pub(super) struct Pool<R: Ready> {
    mould: Mould<R>,
    instances: Mutex<Instances<R::Bindings>>,
    returned: Notify,
}

struct Instances<B> {
    idle: Vec<Instance<B>>,
    /// Idle ones, and those on lease.
    alive: usize,
    /// The memory of the largest one so far, in bytes.
    largest: u64,
}

/// An instance at rest, where there is one.
type Used<R> = Option<Instance<<R as Ready>::Bindings>>;

/// One instance's place among the living: given up when dropped, unless the
/// instance is given back.
pub(super) struct Lease<R: Ready>(Arc<Pool<R>>);

impl<R: Ready> Pool<R> {
    pub(super) fn new(mould: Mould<R>) -> Arc<Self> {
        Arc::new(Self {
            mould,
            instances: Mutex::new(Instances {
                idle: Vec::new(),
                alive: 0,
                largest: 0,
            }),
            returned: Notify::new(),
        })
    }

    pub(super) fn limits(&self) -> &Limits {
        self.mould.limits()
    }

    /// An instance at rest, or else a new one. Where the budget has no room
    /// for it, this waits for the first that is given back or given up; a
    /// component always gets its first.
    pub(super) async fn take(
        self: &Arc<Self>,
    ) -> Result<(Lease<R>, Instance<R::Bindings>), Failure> {
        loop {
            let returned = self.returned.notified();
            if let Some((lease, used)) = self.try_take() {
                let instance = match used {
                    Some(instance) => instance,
                    None => self.mould.cast().await?,
                };
                return Ok((lease, instance));
            }
            returned.await;
        }
    }

    /// A place among the living, and the instance that has it, or none yet.
    fn try_take(self: &Arc<Self>) -> Option<(Lease<R>, Used<R>)> {
        let mut instances = self.lock();
        if let Some(instance) = instances.idle.pop() {
            return Some((Lease(self.clone()), Some(instance)));
        }
        let room = instances.alive == 0 || self.mould.has_room(instances.largest);
        room.then(|| {
            instances.alive += 1;
            (Lease(self.clone()), None)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Instances<R::Bindings>> {
        self.instances.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl<R: Ready> Lease<R> {
    /// Gives the instance back, for the next call, unless it had its share.
    pub(super) fn give_back(self, instance: Instance<R::Bindings>) {
        let limits = self.0.limits();
        if limits.fresh || instance.calls() >= limits.recycle_after {
            return;
        }
        let mut instances = self.0.lock();
        instances.largest = instances.largest.max(instance.memory());
        // It stays among the living: taken back out by the drop of `self`.
        instances.alive += 1;
        instances.idle.push(instance);
    }
}

impl<R: Ready> Drop for Lease<R> {
    fn drop(&mut self) {
        self.0.lock().alive -= 1;
        self.0.returned.notify_one();
    }
}
