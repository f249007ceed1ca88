//! The memory that the request heads of all connections may occupy together.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes of its head each connection may hold without being charged.
pub(super) const FREE: u64 = 16 << 10;

/// The bytes of request heads in memory, beyond the free bytes of each connection.
pub(super) struct HeadMemory {
    max: u64,
    held: AtomicU64,
}

impl HeadMemory {
    pub(super) fn new(max: u64) -> Self {
        Self {
            max,
            held: AtomicU64::new(0),
        }
    }

    /// Charges `bytes` more. Returns `false` if that would exceed the maximum.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let grown = |held: u64| Some(held + bytes).filter(|held| *held <= self.max);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        bytes == 0 || self.held.fetch_update(set, get, grown).is_ok()
    }

    /// Releases bytes that were charged.
    pub(super) fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// Returns how many bytes a head of this length is charged. A buffer that grows by doubling
/// occupies up to twice the bytes in it.
pub(super) fn charge(bytes: u64) -> u64 {
    bytes.saturating_sub(FREE).saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_heads_are_free_and_large_ones_are_bounded_together() {
        assert_eq!((charge(0), charge(FREE), charge(FREE + 3)), (0, 0, 6));
        let heads = HeadMemory::new(10);
        assert!(heads.take(6) && !heads.take(5) && heads.take(4) && heads.take(0));
        heads.give_back(6);
        assert!(heads.take(5));
    }
}
