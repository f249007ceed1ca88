//! The memory that all instances of the process may have together, and the
//! limiter that counts it in each store.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

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
        let mut pools = self.pools.lock();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(pool);
    }

    /// Makes room at the cost of an instance that rests; whether there was one.
    pub fn reclaim(&self) -> bool {
        let pools = self.pools.lock().clone();
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
    /// Of the budget, kept for what this store is about to take.
    reserved: u64,
    /// Of what is taken, by the growth that was allowed last.
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
            reserved: 0,
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

    /// Keeps room in the budget until this store has taken so much in all, as
    /// others of its kind did.
    pub fn reserve(&mut self, bytes: u64) {
        self.release();
        self.reserved = bytes.saturating_sub(self.taken);
        self.budget.taken.fetch_add(self.reserved, Relaxed);
    }

    /// Keeps no more room than it takes.
    pub fn release(&mut self) {
        if self.reserved == 0 {
            return;
        }
        let reserved = std::mem::take(&mut self.reserved);
        self.budget.taken.fetch_sub(reserved, Relaxed);
    }

    /// Takes so many bytes, if the limit allows.
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

    /// Gives back what was taken.
    pub fn give_back(&mut self, bytes: u64) {
        self.taken -= bytes;
        self.budget.taken.fetch_sub(bytes, Relaxed);
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        let all = self.taken + self.reserved;
        self.budget.taken.fetch_sub(all, Relaxed);
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

    /// A table's element is a reference.
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

    #[test]
    fn room_is_kept_for_what_will_be_taken() {
        let budget = Arc::new(Budget::new(100));
        let mut limiter = Limiter::new(budget.clone(), 80);
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
            let limiter = Limiter::new(Arc::new(Budget::new(limit)), limit);
            let mut store = Store::new(&engine, limiter);
            store.limiter(|limiter| limiter);
            let instance = Instance::new(&mut store, &module, &[]);
            assert_eq!((instance.is_ok(), store.data().exceeded()), (fits, !fits));
        }
    }
}
