//! A component's instances at rest and at work: how many there are, and who
//! waits for one. What an instance is, and how it is called, stays out.

use parking_lot::{Mutex, MutexGuard};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::ready::Ready;
use super::template::{Instance, InstanceTemplate};
use crate::guest::call::outcome::Failure;
use crate::guest::limits::budget::Rest;
use crate::guest::limits::settings::Limits;

/// The instances of one component, and the template of more.
pub(crate) struct Pool<R: Ready> {
    template: InstanceTemplate<R>,
    instances: Mutex<Instances<R::Bindings>>,
    /// An instance that was used before gave no answer.
    distrusted: AtomicBool,
}

/// Until it is looked again whether there may be another instance.
const NO_SLOT: Duration = Duration::from_millis(5);

struct Instances<B> {
    idle: Vec<Instance<B>>,
    /// Idle ones, and those on lease.
    alive: usize,
    /// Of those on lease, the ones that are being made.
    starting: u64,
    /// The memory that the next one may want, in bytes.
    largest: Option<u64>,
}

impl<B> Instances<B> {
    /// Learns how large an instance is that was called. One that was larger than
    /// all others is forgotten bit by bit.
    fn measure(&mut self, instance: &Instance<B>) {
        let before = self.largest.unwrap_or(0);
        self.largest = Some(instance.memory().max(before - before / 8));
    }
}

/// An instance at rest, where there is one.
type Used<R> = Option<Instance<<R as Ready>::Bindings>>;

/// One instance's place among the living: given up when dropped, unless the
/// instance is given back.
pub(crate) struct Lease<R: Ready>(Arc<Pool<R>>);

impl<R: Ready> Pool<R> {
    pub(crate) fn new(template: InstanceTemplate<R>) -> Arc<Self> {
        let pool = Arc::new(Self {
            template,
            instances: Mutex::new(Instances {
                idle: Vec::new(),
                alive: 0,
                starting: 0,
                largest: None,
            }),
            distrusted: AtomicBool::new(false),
        });
        let weak: Weak<Self> = Arc::downgrade(&pool);
        pool.template.budget().register(weak);
        pool
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.template.limits()
    }

    /// An instance at rest, or else a new one. Where the budget has no room
    /// for it, another component gives one up that rests, or this waits for
    /// the first that is given back or given up. A component always gets its
    /// first.
    pub(crate) async fn take(
        self: &Arc<Self>,
    ) -> Result<(Lease<R>, Instance<R::Bindings>), Failure> {
        let budget = self.template.budget();
        loop {
            let mut changed = pin!(budget.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            match self.try_take() {
                Some((lease, Some(used))) => return Ok((lease, used)),
                // In a box, since it is large, and rare where instances are reused.
                Some((lease, None)) => match Box::pin(self.make()).await? {
                    Some(made) => return Ok((lease, made)),
                    None => {
                        drop(lease);
                        tokio::time::sleep(NO_SLOT).await;
                    }
                },
                None if budget.reclaim() => {}
                None => changed.await,
            }
        }
    }

    /// Throws away what rests: it answered before, and does no more.
    pub(crate) fn distrust(&self) {
        let mut instances = self.lock();
        instances.alive -= instances.idle.len();
        let useless = std::mem::take(&mut instances.idle);
        drop(instances);
        drop(useless);
        if !self.distrusted.swap(true, Relaxed) {
            tracing::warn!(
                component = self.template.name(),
                "an instance that had answered a request before set no response: the component may be made \
                 for hosts that give each request a new instance; leave out `to.reuse`"
            );
        }
    }

    /// A new instance; none where there are as many as there may be at once.
    async fn make(&self) -> Result<Option<Instance<R::Bindings>>, Failure> {
        let _starting = Starting(self);
        let Some(mut instance) = self.template.instantiate().await? else {
            return Ok(None);
        };
        let memory = instance.memory();
        let wanted = *self.lock().largest.get_or_insert(memory);
        instance.store.data_mut().limiter.reserve(wanted);
        Ok(Some(instance))
    }

    /// A place among the living, and the instance that has it, or none yet.
    fn try_take(self: &Arc<Self>) -> Option<(Lease<R>, Used<R>)> {
        let mut instances = self.lock();
        if let Some(instance) = instances.idle.pop() {
            return Some((Lease(self.clone()), Some(instance)));
        }
        // How large one is shows the first.
        let wanted = instances
            .largest
            .map(|one| one.saturating_mul(instances.starting + 1));
        let within = wanted.is_some_and(|wanted| self.template.budget().has_room(wanted));
        (within || instances.alive == 0).then(|| {
            instances.alive += 1;
            instances.starting += 1;
            (Lease(self.clone()), None)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Instances<R::Bindings>> {
        self.instances.lock()
    }
}

impl<R: Ready> Rest for Pool<R> {
    fn give_up_one(&self) -> bool {
        let mut instances = self.lock();
        let given_up = instances.idle.pop();
        instances.alive -= usize::from(given_up.is_some());
        drop(instances);
        given_up.is_some()
    }
}

/// An instance that is being made.
struct Starting<'a, R: Ready>(&'a Pool<R>);

impl<R: Ready> Drop for Starting<'_, R> {
    fn drop(&mut self) {
        self.0.lock().starting -= 1;
        self.0.template.budget().changed.notify_waiters();
    }
}

impl<R: Ready> Lease<R> {
    pub(crate) fn pool(&self) -> Arc<Pool<R>> {
        self.0.clone()
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.0.limits()
    }

    /// Gives the instance back, for the next call, unless it had its share.
    pub(crate) fn give_back(self, mut instance: Instance<R::Bindings>) {
        let limits = self.0.limits();
        let mut instances = self.0.lock();
        instances.measure(&instance);
        if !limits.reuse || instance.calls() >= limits.max_calls {
            drop(instances);
            return;
        }
        instance.store.data_mut().limiter.release();
        // It stays among the living: taken back out by the drop of `self`.
        instances.alive += 1;
        instances.idle.push(instance);
    }
}

impl<R: Ready> Drop for Lease<R> {
    fn drop(&mut self) {
        self.0.lock().alive -= 1;
        self.0.template.budget().changed.notify_waiters();
    }
}
