//! The memory that all instances of the process may have together, and the
//! limiter that counts it in each store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use wasmtime::ResourceLimiter;

/// Linear memory of all instances, in bytes: what there is, and what is taken.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    taken: AtomicU64,
}

impl Budget {
    /// A budget of so many bytes, none of them taken.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            taken: AtomicU64::new(0),
        }
    }

    /// Whether so many bytes more would be within it.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.taken.load(Relaxed).saturating_add(bytes) <= self.limit
    }
}

/// Counts one store's linear memory, and refuses more than one component may
/// have. The budget is only counted here: a component in the middle of a call
/// gets what its own limit allows, and the pool makes no new instance meanwhile.
pub struct Limiter {
    budget: Arc<Budget>,
    limit: u64,
    taken: u64,
    exceeded: bool,
}

impl Limiter {
    /// A limiter for a store whose memories together may have `limit` bytes.
    pub fn new(budget: Arc<Budget>, limit: u64) -> Self {
        Self {
            budget,
            limit,
            taken: 0,
            exceeded: false,
        }
    }

    /// The memory of this store, in bytes.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether the store ever wanted more than its limit.
    pub fn exceeded(&self) -> bool {
        self.exceeded
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.taken, Relaxed);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current) as u64;
        if self.taken.saturating_add(more) > self.limit {
            self.exceeded = true;
            return Ok(false);
        }
        self.taken += more;
        self.budget.taken.fetch_add(more, Relaxed);
        Ok(true)
    }

    /// Tables hold references, a few bytes each: the largest that a toolchain
    /// makes has some ten thousand.
    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_and_given_back() {
        let budget = Arc::new(Budget::new(100));
        let mut limiter = Limiter::new(budget.clone(), 80);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(60, 81, None).unwrap());
        assert!(limiter.exceeded());
        assert!(budget.has_room(40) && !budget.has_room(41));
        drop(limiter);
        assert!(budget.has_room(100));
    }
}
