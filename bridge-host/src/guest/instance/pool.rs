//! The pool of a component's instances: how many exist, and which calls wait for one. Creating an
//! instance is in `template`, and calling it is in `component` and `handler`.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::template::{Instance, InstanceTemplate};
use super::world::World;
use crate::guest::call::outcome::Failure;
use crate::guest::limits::budget::ReclaimInstances;
use crate::guest::limits::settings::Limits;

/// The instances of one component, and the template for new ones.
pub(crate) struct InstancePool<W: World> {
    template: InstanceTemplate<W>,
    instances: Mutex<Instances<W::Bindings>>,
    /// Whether the warning about reused instances was logged.
    warned_of_reuse: AtomicBool,
}

/// How long to wait when the engine has no slot for another instance.
const SLOT_RETRY_DELAY: Duration = Duration::from_millis(5);

struct Instances<B> {
    idle: Vec<Instance<B>>,
    /// The number of instances, idle and leased.
    alive: usize,
    /// How many of the leased instances are being created.
    starting: u64,
    /// How many bytes of memory the next instance is expected to need.
    largest: Option<u64>,
}

impl<B> Instances<B> {
    /// Updates the expected memory after a call. The expectation decreases by at most an eighth for
    /// each call, so that one large instance is forgotten slowly.
    fn measure(&mut self, instance: &Instance<B>) {
        let before = self.largest.unwrap_or(0);
        self.largest = Some(instance.memory().max(before - before / 8));
    }
}

/// An idle instance, if there is one.
type IdleInstance<W> = Option<Instance<<W as World>::Bindings>>;

/// The lease on one instance. If the instance is not given back, dropping the lease removes it from
/// the count.
pub(crate) struct InstanceLease<W: World>(Arc<InstancePool<W>>);

impl<W: World> InstancePool<W> {
    pub(crate) fn new(template: InstanceTemplate<W>) -> Arc<Self> {
        let pool = Arc::new(Self {
            template,
            instances: Mutex::new(Instances {
                idle: Vec::new(),
                alive: 0,
                starting: 0,
                largest: None,
            }),
            warned_of_reuse: AtomicBool::new(false),
        });
        let weak: Weak<Self> = Arc::downgrade(&pool);
        pool.template.budget().register(weak);
        pool
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.template.limits()
    }

    /// Returns an idle instance, or a new one. If the memory budget has no room for a new one,
    /// drops an idle instance of another component, or waits until an instance is given back or
    /// dropped. The first instance of a component is always created.
    pub(crate) async fn take(
        self: &Arc<Self>,
    ) -> Result<(InstanceLease<W>, Instance<W::Bindings>), Failure> {
        let budget = self.template.budget();
        loop {
            let mut changed = pin!(budget.changed.notified());
            // From here on, no notification is missed.
            changed.as_mut().enable();
            match self.try_take() {
                Some((lease, Some(used))) => return Ok((lease, used)),
                // Boxed, because it is large, and rare if instances are reused.
                Some((lease, None)) => match Box::pin(self.make()).await? {
                    Some(made) => return Ok((lease, made)),
                    None => {
                        drop(lease);
                        tokio::time::sleep(SLOT_RETRY_DELAY).await;
                    }
                },
                None if budget.reclaim() => {}
                None => changed.await,
            }
        }
    }

    /// Drops the idle instances of a component that does not answer when it is reused.
    pub(crate) fn discard_idle(&self) {
        let mut instances = self.lock();
        instances.alive -= instances.idle.len();
        let useless = std::mem::take(&mut instances.idle);
        drop(instances);
        drop(useless);
        if !self.warned_of_reuse.swap(true, Relaxed) {
            tracing::warn!(
                component = self.template.name(),
                "a reused instance set no response: the component may expect a new instance for each \
                 request; remove `to.reuse`"
            );
        }
    }

    /// Creates an instance. Returns `None` if the engine has no slot for it.
    async fn make(&self) -> Result<Option<Instance<W::Bindings>>, Failure> {
        let _starting = StartingGuard(self);
        let Some(mut instance) = self.template.instantiate().await? else {
            return Ok(None);
        };
        let memory = instance.memory();
        let wanted = *self.lock().largest.get_or_insert(memory);
        instance.store.data_mut().limiter.reserve(wanted);
        Ok(Some(instance))
    }

    /// Returns a lease, with an idle instance if there is one. Returns `None` without room for
    /// another.
    fn try_take(self: &Arc<Self>) -> Option<(InstanceLease<W>, IdleInstance<W>)> {
        let mut instances = self.lock();
        if let Some(instance) = instances.idle.pop() {
            return Some((InstanceLease(self.clone()), Some(instance)));
        }
        // The first instance shows how much memory one needs.
        let wanted = instances
            .largest
            .map(|one| one.saturating_mul(instances.starting + 1));
        let within = wanted.is_some_and(|wanted| self.template.budget().has_room(wanted));
        (within || instances.alive == 0).then(|| {
            instances.alive += 1;
            instances.starting += 1;
            (InstanceLease(self.clone()), None)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Instances<W::Bindings>> {
        self.instances.lock()
    }
}

impl<W: World> ReclaimInstances for InstancePool<W> {
    fn drop_idle(&self) -> bool {
        let mut instances = self.lock();
        let dropped = instances.idle.pop();
        instances.alive -= usize::from(dropped.is_some());
        drop(instances);
        dropped.is_some()
    }
}

/// Counts an instance as being created, until it is dropped.
struct StartingGuard<'a, W: World>(&'a InstancePool<W>);

impl<W: World> Drop for StartingGuard<'_, W> {
    fn drop(&mut self) {
        self.0.lock().starting -= 1;
        self.0.template.budget().changed.notify_waiters();
    }
}

impl<W: World> InstanceLease<W> {
    pub(crate) fn pool(&self) -> Arc<InstancePool<W>> {
        self.0.clone()
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.0.limits()
    }

    /// Returns the instance to the pool, unless it has served its maximum of calls.
    pub(crate) fn give_back(self, mut instance: Instance<W::Bindings>) {
        let limits = self.0.limits();
        let mut instances = self.0.lock();
        instances.measure(&instance);
        if !limits.reuse || instance.calls() >= limits.max_calls {
            drop(instances);
            return;
        }
        instance.store.data_mut().limiter.release();
        // Dropping `self` decrements `alive`, but the instance still exists.
        instances.alive += 1;
        instances.idle.push(instance);
    }
}

impl<W: World> Drop for InstanceLease<W> {
    fn drop(&mut self) {
        self.0.lock().alive -= 1;
        self.0.template.budget().changed.notify_waiters();
    }
}
