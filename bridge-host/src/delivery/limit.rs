//! In flight: how many attempts of one subscription may be under way. A place
//! is taken before a message is fetched, so that without one nothing is.

mod adaptive;
mod squeeze;

use parking_lot::Mutex;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::Policy;
use super::sign::Sign;
use squeeze::Squeeze;

/// The places of one subscription.
pub(super) struct Limit {
    free: Semaphore,
    places: u32,
    /// Where fewer may be in use than there are.
    squeeze: Option<Mutex<Squeeze>>,
    /// Whoever holds a place without a message is asked to let go of it.
    pub(super) wanted: Arc<Notify>,
}

/// A place that is held.
pub(super) struct Place<'a> {
    limit: &'a Limit,
}

impl Limit {
    /// At least one place, whatever is asked for.
    pub(super) fn new(policy: &Policy) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let places = policy.max_in_flight.clamp(1, most);
        let squeeze = policy.min_in_flight.map(|min| Squeeze::new(min, places));
        let withheld = squeeze.as_ref().map_or(0, Squeeze::withheld);
        Self {
            free: Semaphore::new(places - withheld),
            places: places as u32,
            squeeze: squeeze.map(Mutex::new),
            wanted: Arc::default(),
        }
    }

    /// Waits for a free place.
    pub(super) async fn place(&self) -> Place<'_> {
        let place = self.free.acquire().await;
        self.held(place.expect("the semaphore is never closed"))
    }

    /// Waits for a free place with a message at hand.
    pub(super) async fn place_for_message(&self) -> Place<'_> {
        let mut place = pin!(self.place());
        tokio::select! {
            biased;
            place = &mut place => return place,
            // Only once it is in the line is another asked to let go.
            () = async { self.interrupt() } => {}
        }
        place.await
    }

    /// Someone with a message at hand wants the place of one who has none.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The place is not needed for now.
    fn interrupt(&self) {
        self.wanted.notify_one();
    }

    /// Waits until nothing is in flight; places that become free meanwhile are
    /// not given to others.
    pub(super) async fn all_free(&self) {
        if let Some(squeeze) = &self.squeeze {
            let all = squeeze.lock().release();
            self.free.add_permits(all);
        }
        let places = self.free.acquire_many(self.places).await;
        drop(places.expect("the semaphore is never closed"));
    }

    /// How many places there are.
    pub(super) fn places(&self) -> usize {
        self.places as usize
    }

    /// How many may be in use now.
    pub(super) fn current(&self) -> usize {
        let squeezed = self.squeeze.as_ref().map(|it| it.lock().limit());
        squeezed.unwrap_or(self.places())
    }

    /// What an attempt showed of the endpoint.
    pub(super) fn told(&self, sign: &Sign, begun: Instant) {
        let Some(squeeze) = &self.squeeze else {
            return;
        };
        let mut squeeze = squeeze.lock();
        let full = self.free.available_permits() == 0;
        let more = squeeze.told(sign, begun, full, |less| self.free.forget_permits(less));
        let shrunk = squeeze.owes();
        drop(squeeze);
        self.free.add_permits(more);
        if shrunk {
            self.interrupt();
        }
    }

    fn held<'a>(&'a self, permit: SemaphorePermit<'a>) -> Place<'a> {
        permit.forget();
        self.kept()
    }

    /// The place that was kept, again.
    pub(super) fn kept(&self) -> Place<'_> {
        Place { limit: self }
    }

    /// Whether more places are in use than may be.
    pub(super) fn owes(&self) -> bool {
        self.squeeze.as_ref().is_some_and(|it| it.lock().owes())
    }

    /// A place is no longer in use.
    pub(super) fn give_back(&self) {
        let kept = self.squeeze.as_ref().is_some_and(|it| it.lock().keeps());
        if !kept {
            self.free.add_permits(1);
        }
    }
}

impl Place<'_> {
    /// Keeps the place until [`Limit::give_back`].
    pub(super) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.limit.give_back();
    }
}
