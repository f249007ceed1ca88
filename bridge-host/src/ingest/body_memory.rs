//! Limits the memory of all request bodies together. Each body has a small amount free
//! of charge, so small messages are accepted while large ones wait.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::reply::PublishError;

/// The most bytes of all bodies together, without the free part of each. A single body
/// that may be larger raises this limit.
const TOTAL: u64 = 256 << 20;
/// Memory is counted in units of this size, in bytes.
const UNIT: u64 = 4 << 10;
/// The bytes of each body that are free of charge.
pub(super) const UNCHARGED: u64 = 64 << 10;
/// How long a body that holds no memory yet waits for it.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The memory that all bodies share.
#[derive(Clone)]
pub(super) struct BodyMemory {
    units: Arc<Semaphore>,
    all: usize,
    /// The most bytes of one body.
    pub max: u64,
}

/// A lease on memory, which ends when it is dropped.
#[derive(Default)]
pub(super) struct MemoryLease(Option<OwnedSemaphorePermit>);

impl BodyMemory {
    /// Creates memory for bodies of at most `max` bytes each.
    pub fn new(max: u64) -> Self {
        // Base64 is a third longer than what it carries.
        let units = TOTAL.max(max.saturating_mul(2)) / UNIT + 1;
        let all = usize::try_from(units).unwrap_or(usize::MAX);
        let all = all.min(Semaphore::MAX_PERMITS);
        Self {
            units: Arc::new(Semaphore::new(all)),
            all,
            max,
        }
    }

    /// Extends a lease to `bytes`. Only a lease without memory waits, so two bodies cannot
    /// wait for each other.
    pub async fn grow(&self, held: &mut MemoryLease, bytes: u64) -> Result<(), PublishError> {
        let wanted = count(bytes.saturating_sub(UNCHARGED));
        let more = wanted.saturating_sub(held.units());
        if more == 0 {
            return Ok(());
        }
        let units = self.units.clone();
        let permit = match &held.0 {
            Some(_) => units.try_acquire_many_owned(more).ok(),
            None => {
                let acquired = timeout(STALL_TIMEOUT, units.acquire_many_owned(more)).await;
                acquired.ok().and_then(Result::ok)
            }
        };
        let permit = permit.ok_or_else(busy)?;
        match &mut held.0 {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }

    /// Returns whether more than half of the memory is in use. Slow publishers are then
    /// refused.
    pub fn is_short(&self) -> bool {
        self.units.available_permits() < self.all / 2
    }
}

impl MemoryLease {
    fn units(&self) -> u32 {
        let units = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        u32::try_from(units).unwrap_or(u32::MAX)
    }

    /// Splits off the part of the lease for a body of `bytes`.
    pub fn part(&mut self, bytes: u64) -> Self {
        let wanted = count(bytes.saturating_sub(UNCHARGED)).min(self.units());
        let all = self.0.as_mut().filter(|_| wanted > 0);
        Self(all.and_then(|all| all.split(wanted as usize)))
    }

    /// Returns the memory that a body of `bytes` does not need.
    pub fn shrink(&mut self, bytes: u64) {
        *self = self.part(bytes);
    }
}

/// The memory of the lines of one batch, which they occupy until their responses are
/// sent. If the shared memory is used up, the lines share the free part of one body.
pub(super) struct BatchMemory {
    shared: Arc<Semaphore>,
    free: Arc<Semaphore>,
}

impl BatchMemory {
    pub fn new(memory: &BodyMemory) -> Self {
        Self {
            shared: memory.units.clone(),
            free: Arc::new(Semaphore::new(count(UNCHARGED) as usize)),
        }
    }

    /// Reserves the first [`UNCHARGED`] bytes of a line. The caller reserves the rest.
    pub async fn hold(&self, bytes: u64) -> Result<MemoryLease, PublishError> {
        let units = count(bytes.min(UNCHARGED));
        if let Ok(permit) = self.shared.clone().try_acquire_many_owned(units) {
            return Ok(MemoryLease(Some(permit)));
        }
        let acquired = timeout(STALL_TIMEOUT, self.free.clone().acquire_many_owned(units)).await;
        let permit = acquired.ok().and_then(Result::ok).ok_or_else(busy)?;
        Ok(MemoryLease(Some(permit)))
    }
}

fn count(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

fn busy() -> PublishError {
    let reason = "the memory for incoming messages is in use: send again in a moment";
    PublishError::new(StatusCode::SERVICE_UNAVAILABLE, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn small_bodies_are_free_and_large_ones_share_a_limit() {
        let memory = BodyMemory::new(256 << 20);
        let (mut large, mut small, mut other) =
            <(MemoryLease, MemoryLease, MemoryLease)>::default();
        memory.grow(&mut large, 400 << 20).await.unwrap();
        assert!(memory.is_short());
        memory.grow(&mut other, UNCHARGED + 1).await.unwrap();
        // A lease with memory is refused at once, one without memory waits first.
        let began = tokio::time::Instant::now();
        assert!(memory.grow(&mut other, 200 << 20).await.is_err());
        assert_eq!(began.elapsed(), Duration::ZERO);
        memory.grow(&mut small, UNCHARGED).await.unwrap();
        assert_eq!(small.units(), 0);
        assert!(memory.grow(&mut small, 200 << 20).await.is_err());
        assert_eq!(began.elapsed(), STALL_TIMEOUT);
        large.shrink(100 << 20);
        assert!(!memory.is_short());
        memory.grow(&mut small, 200 << 20).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn lines_have_memory_while_other_bodies_use_up_the_shared_memory() {
        let memory = BodyMemory::new(0);
        let mut all = MemoryLease::default();
        memory
            .grow(&mut all, TOTAL + UNCHARGED + UNIT)
            .await
            .unwrap();
        assert_eq!(memory.units.available_permits(), 0);
        let lines = BatchMemory::new(&memory);
        let first = lines.hold(UNCHARGED).await.unwrap();
        assert!(lines.hold(1).await.is_err());
        drop(first);
        lines.hold(1 << 30).await.unwrap();
    }

    #[tokio::test]
    async fn the_parts_of_a_lease_add_up() {
        let memory = BodyMemory::new(0);
        let all = memory.units.available_permits();
        let mut held = MemoryLease::default();
        memory.grow(&mut held, 10 << 20).await.unwrap();
        let whole = held.units();
        let part = held.part(2 << 20);
        assert_eq!(part.units() + held.units(), whole);
        assert_eq!(held.part(1).units(), 0);
        drop((part, held));
        assert_eq!(memory.units.available_permits(), all);
    }
}
