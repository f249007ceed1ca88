//! The memory that all instances of the process may have together, and the
//! limiter that counts it in each store.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;
use wasmtime::ResourceLimiter;

/// Memory of all instances, in bytes: what there is, and what is taken.
pub struct Budget {
    limit: u64,
    taken: AtomicU64,
    pools: Mutex<Vec<Weak<dyn Rest>>>,
    /// An instance came to rest, or there is one less.
    pub changed: Notify,
}

/// Whatever has instances at rest.
pub trait Rest: Send + Sync {
    /// Throws one away, if there is one.
    fn give_up_one(&self) -> bool;
}

impl Budget {
    /// A budget of so many bytes, none of them taken.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            taken: AtomicU64::new(0),
            pools: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Counts on a pool to give up what rests there when others need room.
    pub fn register(&self, pool: Weak<dyn Rest>) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(pool);
    }

    /// Makes room at the cost of an instance that rests; whether there was one.
    pub fn reclaim(&self) -> bool {
        let pools = self
            .pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        pools
            .iter()
            .filter_map(Weak::upgrade)
            .any(|pool| pool.give_up_one())
    }

    /// Whether so many bytes more would be within it.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.taken.load(Relaxed).saturating_add(bytes) <= self.limit
    }
}

/// Counts one store's memory, its own and that of the messages it holds, and
/// refuses more than one component may have. The budget is only counted here: a
/// component in the middle of a call gets what its own limit allows, and the
/// pool makes no new instance meanwhile.
pub struct Limiter {
    budget: Arc<Budget>,
    limit: u64,
    taken: u64,
    /// Of this, by the growth that was allowed last.
    growing: u64,
    exceeded: bool,
}

impl Limiter {
    /// A limiter for a store whose memories together may have `limit` bytes.
    pub fn new(budget: Arc<Budget>, limit: u64) -> Self {
        Self {
            budget,
            limit,
            taken: 0,
            growing: 0,
            exceeded: false,
        }
    }

    /// The memory of this store, in bytes.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// What it may still take.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.taken)
    }

    /// Whether the store wanted more than its limit.
    pub fn exceeded(&self) -> bool {
        self.exceeded
    }

    /// What an earlier call wanted is not held against the next one.
    pub fn forget_excess(&mut self) {
        self.exceeded = false;
    }

    /// Takes so many bytes, if the limit allows.
    pub fn take(&mut self, bytes: u64) -> bool {
        let fits = bytes <= self.left();
        match fits {
            true => {
                self.taken += bytes;
                self.budget.taken.fetch_add(bytes, Relaxed);
            }
            false => self.exceeded = true,
        }
        fits
    }

    /// Gives back what was taken.
    pub fn give_back(&mut self, bytes: u64) {
        self.taken -= bytes;
        self.budget.taken.fetch_sub(bytes, Relaxed);
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
        self.growing = desired.saturating_sub(current) as u64;
        let allowed = self.take(self.growing);
        if !allowed {
            self.growing = 0;
        }
        Ok(allowed)
    }

    /// The system had not what the limit allowed.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        let growing = std::mem::take(&mut self.growing);
        self.give_back(growing);
        Ok(())
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
        // One that goes on without it may still take what there is.
        assert!(limiter.take(20) && !limiter.take(1));
        limiter.give_back(20);
        assert!(budget.has_room(40) && !budget.has_room(41));
        drop(limiter);
        assert!(budget.has_room(100));
    }
}
