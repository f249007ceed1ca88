//! How many attempts of one subscription may run at once. The engine acquires a
//! permit before it fetches a message, so it fetches nothing without a free
//! permit.

mod adaptive;
mod permit_debt;

use std::pin::pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::Policy;
use super::endpoint_signal::EndpointSignal;
use permit_debt::PermitDebt;

/// The permits of one subscription.
pub(super) struct ConcurrencyLimit {
    free: Semaphore,
    max: u32,
    /// Present if the limit adapts, so that fewer permits than `max` may be in
    /// use.
    debt: Option<Mutex<PermitDebt>>,
    /// Notified when a task that holds a permit without a message must release
    /// it.
    pub(super) permit_request: Arc<Notify>,
}

/// A permit for one attempt. Released when dropped.
pub(super) struct Permit<'a> {
    limit: &'a ConcurrencyLimit,
}

impl ConcurrencyLimit {
    /// Creates the permits: at least one, whatever the policy says.
    pub(super) fn new(policy: &Policy) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let max = policy.max_in_flight.clamp(1, most);
        let debt = policy.min_in_flight.map(|min| PermitDebt::new(min, max));
        let withheld = debt.as_ref().map_or(0, PermitDebt::withheld);
        Self {
            free: Semaphore::new(max - withheld),
            max: max as u32,
            debt: debt.map(Mutex::new),
            permit_request: Arc::default(),
        }
    }

    /// Waits for a free permit.
    pub(super) async fn acquire(&self) -> Permit<'_> {
        let permit = self.free.acquire().await;
        self.hold(permit.expect("the semaphore is never closed"))
    }

    /// Waits for a free permit for a message that was already fetched.
    pub(super) async fn acquire_for_message(&self) -> Permit<'_> {
        let mut permit = pin!(self.acquire());
        tokio::select! {
            biased;
            permit = &mut permit => return permit,
            // The request follows the wait, so that the released permit comes
            // here.
            () = async { self.request_permit() } => {}
        }
        permit.await
    }

    /// Waits until a task with a message needs the permit of a task without one.
    pub(super) async fn wait_for_request(&self) {
        self.permit_request.notified().await;
    }

    /// Asks a task that holds a permit without a message to release it.
    fn request_permit(&self) {
        self.permit_request.notify_one();
    }

    /// Waits until nothing is in flight. Permits released meanwhile stay
    /// reserved.
    pub(super) async fn wait_until_idle(&self) {
        if let Some(debt) = &self.debt {
            let all = debt.lock().release_all();
            self.free.add_permits(all);
        }
        let permits = self.free.acquire_many(self.max).await;
        drop(permits.expect("the semaphore is never closed"));
    }

    /// Returns the number of permits.
    pub(super) fn max(&self) -> usize {
        self.max as usize
    }

    /// Returns how many permits may be in use now.
    pub(super) fn current(&self) -> usize {
        let adapted = self.debt.as_ref().map(|it| it.lock().limit());
        adapted.unwrap_or(self.max())
    }

    /// Records what an attempt showed about the endpoint.
    pub(super) fn record(&self, signal: &EndpointSignal, begun: Instant) {
        let Some(debt) = &self.debt else {
            return;
        };
        let mut debt = debt.lock();
        let full = self.free.available_permits() == 0;
        let more = debt.record(signal, begun, full, |less| self.free.forget_permits(less));
        let has_debt = debt.has_debt();
        drop(debt);
        self.free.add_permits(more);
        if has_debt {
            self.request_permit();
        }
    }

    /// Turns a permit of the semaphore into one that
    /// [`ConcurrencyLimit::release`] gives back.
    fn hold<'a>(&'a self, permit: SemaphorePermit<'a>) -> Permit<'a> {
        permit.forget();
        self.resume_permit()
    }

    /// Returns the permit that was kept with [`Permit::detach`].
    pub(super) fn resume_permit(&self) -> Permit<'_> {
        Permit { limit: self }
    }

    /// Returns whether more permits are in use than the limit allows now.
    pub(super) fn has_debt(&self) -> bool {
        self.debt.as_ref().is_some_and(|it| it.lock().has_debt())
    }

    /// Releases a permit.
    pub(super) fn release(&self) {
        let kept = self
            .debt
            .as_ref()
            .is_some_and(|it| it.lock().withhold_released());
        if !kept {
            self.free.add_permits(1);
        }
    }
}

impl Permit<'_> {
    /// Keeps the permit until [`ConcurrencyLimit::release`].
    pub(super) fn detach(self) {
        std::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.limit.release();
    }
}
