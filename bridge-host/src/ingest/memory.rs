//! The memory for bodies: what all of them together may hold. Each body has a
//! little of it without a charge, so that small messages are taken whatever
//! large ones do.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::answer::Refusal;

/// The bytes of all bodies together, beyond what each has free, unless one
/// alone may have more.
const TOTAL: u64 = 256 << 20;
/// Memory is counted in pieces of this size.
const PIECE: u64 = 4 << 10;
/// What each body has without a charge.
pub(super) const FREE: u64 = 64 << 10;
/// So long a body waits for memory before it holds any.
const PATIENCE: Duration = Duration::from_secs(30);

/// The memory for bodies.
#[derive(Clone)]
pub(super) struct Budget {
    pieces: Arc<Semaphore>,
    all: usize,
    /// The most that one body may have.
    pub max: u64,
}

/// Memory that is taken, until it is dropped.
#[derive(Default)]
pub(super) struct Held(Option<OwnedSemaphorePermit>);

impl Budget {
    /// For bodies of at most `max` bytes each.
    pub fn new(max: u64) -> Self {
        // Base64 is a third longer than what it carries.
        let pieces = TOTAL.max(max.saturating_mul(2)) / PIECE + 1;
        let all = usize::try_from(pieces).unwrap_or(usize::MAX);
        let all = all.min(Semaphore::MAX_PERMITS);
        Self {
            pieces: Arc::new(Semaphore::new(all)),
            all,
            max,
        }
    }

    /// Makes room for a body of so many bytes. Only who holds nothing yet waits
    /// for it, so that no two can wait for each other.
    pub async fn grow(&self, held: &mut Held, bytes: u64) -> Result<(), Refusal> {
        let wanted = count(bytes.saturating_sub(FREE));
        let more = wanted.saturating_sub(held.pieces());
        if more == 0 {
            return Ok(());
        }
        let pieces = self.pieces.clone();
        let permit = match &held.0 {
            Some(_) => pieces.try_acquire_many_owned(more).ok(),
            None => {
                let acquired = timeout(PATIENCE, pieces.acquire_many_owned(more)).await;
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

    /// Whether more than half of the memory is taken: who is slow has to go
    /// then.
    pub fn is_short(&self) -> bool {
        self.pieces.available_permits() < self.all / 2
    }
}

impl Held {
    fn pieces(&self) -> u32 {
        let pieces = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        u32::try_from(pieces).unwrap_or(u32::MAX)
    }

    /// Parts it: what a body of so many bytes has of it.
    pub fn part(&mut self, bytes: u64) -> Self {
        let wanted = count(bytes.saturating_sub(FREE)).min(self.pieces());
        let all = self.0.as_mut().filter(|_| wanted > 0);
        Self(all.and_then(|all| all.split(wanted as usize)))
    }

    /// Gives back what is not needed for so many bytes.
    pub fn shrink(&mut self, bytes: u64) {
        *self = self.part(bytes);
    }
}

/// The memory for the lines of one batch: they are held until they are
/// answered, and have what a body has free where no other memory is left.
pub(super) struct Lines {
    shared: Arc<Semaphore>,
    free: Arc<Semaphore>,
}

impl Lines {
    pub fn new(budget: &Budget) -> Self {
        Self {
            shared: budget.pieces.clone(),
            free: Arc::new(Semaphore::new(count(FREE) as usize)),
        }
    }

    /// Memory for a line, but for what is charged for one longer than
    /// [`FREE`].
    pub async fn hold(&self, bytes: u64) -> Result<Held, Refusal> {
        let pieces = count(bytes.min(FREE));
        if let Ok(permit) = self.shared.clone().try_acquire_many_owned(pieces) {
            return Ok(Held(Some(permit)));
        }
        let acquired = timeout(PATIENCE, self.free.clone().acquire_many_owned(pieces)).await;
        let permit = acquired.ok().and_then(Result::ok).ok_or_else(busy)?;
        Ok(Held(Some(permit)))
    }
}

fn count(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX)
}

fn busy() -> Refusal {
    let reason = "the memory for incoming messages is in use: send again in a moment";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn small_bodies_are_free_and_large_ones_are_bounded_together() {
        let budget = Budget::new(256 << 20);
        let (mut large, mut small, mut other) = <(Held, Held, Held)>::default();
        budget.grow(&mut large, 400 << 20).await.unwrap();
        assert!(budget.is_short());
        budget.grow(&mut other, FREE + 1).await.unwrap();
        // What holds some is refused at once, what holds none waits first.
        let began = tokio::time::Instant::now();
        assert!(budget.grow(&mut other, 200 << 20).await.is_err());
        assert_eq!(began.elapsed(), Duration::ZERO);
        budget.grow(&mut small, FREE).await.unwrap();
        assert_eq!(small.pieces(), 0);
        assert!(budget.grow(&mut small, 200 << 20).await.is_err());
        assert_eq!(began.elapsed(), PATIENCE);
        large.shrink(100 << 20);
        assert!(!budget.is_short());
        budget.grow(&mut small, 200 << 20).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn lines_have_some_memory_whatever_others_take() {
        let budget = Budget::new(0);
        let mut all = Held::default();
        budget.grow(&mut all, TOTAL + FREE + PIECE).await.unwrap();
        assert_eq!(budget.pieces.available_permits(), 0);
        let lines = Lines::new(&budget);
        let first = lines.hold(FREE).await.unwrap();
        assert!(lines.hold(1).await.is_err());
        drop(first);
        lines.hold(1 << 30).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_parted_adds_up() {
        let budget = Budget::new(0);
        let all = budget.pieces.available_permits();
        let mut held = Held::default();
        budget.grow(&mut held, 10 << 20).await.unwrap();
        let whole = held.pieces();
        let part = held.part(2 << 20);
        assert_eq!(part.pieces() + held.pieces(), whole);
        assert_eq!(held.part(1).pieces(), 0);
        drop((part, held));
        assert_eq!(budget.pieces.available_permits(), all);
    }
}
