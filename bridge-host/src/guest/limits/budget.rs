//! The memory budget of the process, and the limiter that counts the memory of each store.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;
use wasmtime::ResourceLimiter;

/// The memory that all instances of the process may use together, in bytes.
pub struct MemoryBudget {
    limit: u64,
    taken: AtomicU64,
    pools: Mutex<Vec<Weak<dyn ReclaimInstances>>>,
    /// Notified when an instance became idle, or was dropped.
    pub changed: Notify,
}

/// A pool of instances that can drop idle ones.
pub trait ReclaimInstances: Send + Sync {
    /// Drops one idle instance. Returns whether there was one.
    fn drop_idle(&self) -> bool;
}

impl MemoryBudget {
    /// Returns an unused budget of `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            taken: AtomicU64::new(0),
            pools: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Registers a pool, whose idle instances may be dropped when others need memory.
    pub fn register(&self, pool: Weak<dyn ReclaimInstances>) {
        let mut pools = self.pools.lock();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(pool);
    }

    /// Drops an idle instance of any pool. Returns whether there was one.
    pub fn reclaim(&self) -> bool {
        let pools = self.pools.lock().clone();
        pools
            .iter()
            .filter_map(Weak::upgrade)
            .any(|pool| pool.drop_idle())
    }

    /// Returns whether the budget has room for `bytes` more.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.taken.load(Relaxed).saturating_add(bytes) <= self.limit
    }
}

/// Counts the memory of one store, including the messages that it holds, and enforces the limit of
/// its component. It only counts towards the budget: a component in a call may use what its own
/// limit allows, and the pool creates no new instance meanwhile.
pub struct MemoryLimiter {
    budget: Arc<MemoryBudget>,
    limit: u64,
    taken: u64,
    /// How many bytes of the budget are reserved for the future use of this store.
    reserved: u64,
    /// How many of the taken bytes belong to the growth that was allowed last.
    growing: u64,
    exceeded: bool,
}

impl MemoryLimiter {
    /// Returns a limiter for a store whose memory may have `limit` bytes.
    pub fn new(budget: Arc<MemoryBudget>, limit: u64) -> Self {
        Self {
            budget,
            limit,
            taken: 0,
            reserved: 0,
            growing: 0,
            exceeded: false,
        }
    }

    /// Returns the memory of this store, in bytes.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Returns how many bytes it may still take.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.taken)
    }

    /// Returns whether the store requested more than its limit.
    pub fn exceeded(&self) -> bool {
        self.exceeded
    }

    /// Forgets that an earlier call exceeded the limit.
    pub fn forget_excess(&mut self) {
        self.exceeded = false;
    }

    /// Reserves room in the budget, so that this store can take `bytes` in total.
    pub fn reserve(&mut self, bytes: u64) {
        self.release();
        self.reserved = bytes.saturating_sub(self.taken);
        self.budget.taken.fetch_add(self.reserved, Relaxed);
    }

    /// Releases what is reserved and not yet taken.
    pub fn release(&mut self) {
        if self.reserved == 0 {
            return;
        }
        let reserved = std::mem::take(&mut self.reserved);
        self.budget.taken.fetch_sub(reserved, Relaxed);
    }

    /// Takes this many bytes. Returns `false` if the limit does not allow it.
    pub fn take(&mut self, bytes: u64) -> bool {
        let fits = bytes <= self.left();
        match fits {
            true => {
                self.taken += bytes;
                let kept = bytes.min(self.reserved);
                self.reserved -= kept;
                self.budget.taken.fetch_add(bytes - kept, Relaxed);
            }
            false => self.exceeded = true,
        }
        fits
    }

    /// Gives bytes back.
    pub fn give_back(&mut self, bytes: u64) {
        self.taken -= bytes;
        self.budget.taken.fetch_sub(bytes, Relaxed);
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        let all = self.taken + self.reserved;
        self.budget.taken.fetch_sub(all, Relaxed);
    }
}

impl ResourceLimiter for MemoryLimiter {
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

    /// The system could not provide the memory that the limit allowed.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        let growing = std::mem::take(&mut self.growing);
        self.give_back(growing);
        Ok(())
    }

    /// Counts a table as memory: an element is the size of a reference.
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = |elements: usize| elements.saturating_mul(size_of::<usize>());
        self.memory_growing(bytes(current), bytes(desired), maximum)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_grow_failed(error)
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, Instance, Module, Store};

    use super::*;

    #[test]
    fn memory_is_counted_and_given_back() {
        let budget = Arc::new(MemoryBudget::new(100));
        let mut limiter = MemoryLimiter::new(budget.clone(), 80);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(60, 81, None).unwrap());
        assert!(limiter.exceeded());
        // A component that continues without the memory may still take less.
        assert!(limiter.take(20) && !limiter.take(1));
        limiter.give_back(20);
        assert!(budget.has_room(40) && !budget.has_room(41));
        drop(limiter);
        assert!(budget.has_room(100));
    }

    #[test]
    fn reserved_memory_counts_towards_the_budget() {
        let budget = Arc::new(MemoryBudget::new(100));
        let mut limiter = MemoryLimiter::new(budget.clone(), 80);
        assert!(limiter.take(10));
        limiter.reserve(60);
        assert!(budget.has_room(40) && !budget.has_room(41));
        assert!(limiter.take(40));
        assert!(budget.has_room(40) && !budget.has_room(41));
        assert!(limiter.take(20));
        assert!(budget.has_room(30) && !budget.has_room(31));
        limiter.give_back(40);
        limiter.reserve(60);
        drop(limiter);
        assert!(budget.has_room(100));
    }

    #[test]
    fn tables_are_memory() {
        // A module of one table with 65,536 elements: 512 KiB.
        let module = b"\0asm\x01\0\0\0\x04\x06\x01\x70\0\x80\x80\x04";
        let engine = Engine::default();
        let module = Module::new(&engine, module).unwrap();
        for (limit, fits) in [(1 << 19, true), ((1 << 19) - 1, false)] {
            let limiter = MemoryLimiter::new(Arc::new(MemoryBudget::new(limit)), limit);
            let mut store = Store::new(&engine, limiter);
            store.limiter(|limiter| limiter);
            let instance = Instance::new(&mut store, &module, &[]);
            assert_eq!((instance.is_ok(), store.data().exceeded()), (fits, !fits));
        }
    }
}
