//! In flight: how many deliveries of one subscription may be under way. A
//! place is taken before a message is fetched, so that without one nothing is.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::run::Engine;
use super::stats::Settled;

/// The places of one subscription.
pub(super) struct Limit {
    free: Semaphore,
    places: u32,
}

impl Limit {
    /// At least one place, whatever is asked for.
    pub(super) fn new(max_in_flight: usize) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let places = max_in_flight.clamp(1, most);
        Self {
            free: Semaphore::new(places),
            places: places as u32,
        }
    }

    /// Waits for a free place.
    pub(super) async fn place(&self) -> SemaphorePermit<'_> {
        let place = self.free.acquire().await;
        place.expect("the semaphore is never closed")
    }

    /// Waits until nothing is in flight; places that become free meanwhile are
    /// not given to others.
    pub(super) async fn all_free(&self) {
        let places = self.free.acquire_many(self.places).await;
        drop(places.expect("the semaphore is never closed"));
    }

    /// How many places there are.
    pub(super) fn places(&self) -> usize {
        self.places as usize
    }
}

/// A delivery under way: holds its place until it is dropped, by its end, by
/// a panic or by being aborted, and counts what became of it.
pub(super) struct InFlight {
    engine: Arc<Engine>,
    settled: bool,
}

impl InFlight {
    /// Keeps the place for as long as the delivery is under way.
    pub(super) fn new(engine: &Arc<Engine>, place: SemaphorePermit<'_>) -> Self {
        place.forget();
        engine.delivery.stats.begun();
        Self {
            engine: engine.clone(),
            settled: false,
        }
    }

    /// What it is in flight in.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The end of a delivery whose settlement the broker has.
    pub(super) fn settled(mut self, settled: Settled) {
        self.settled = true;
        self.engine.delivery.stats.settled(settled);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.engine.delivery.stats.ended(self.settled);
        self.engine.limit.free.add_permits(1);
    }
}
