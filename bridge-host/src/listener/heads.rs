//! The memory of request heads: how much all connections together may hold.

use std::sync::atomic::{AtomicU64, Ordering};

/// Each connection has this much for its head, in bytes, without a charge.
pub(super) const FREE: u64 = 16 << 10;

/// Bytes of request heads that are in memory, beyond what each connection has
/// free.
pub(super) struct Heads {
    max: u64,
    held: AtomicU64,
}

impl Heads {
    pub(super) fn new(max: u64) -> Self {
        Self {
            max,
            held: AtomicU64::new(0),
        }
    }

    /// Takes memory for so many bytes more; `false` where there is none left.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let grown = |held: u64| Some(held + bytes).filter(|held| *held <= self.max);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        bytes == 0 || self.held.fetch_update(set, get, grown).is_ok()
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// What a head of so many bytes is charged. A buffer that grows by doubling has
/// up to twice the bytes that are in it.
pub(super) fn charge(bytes: u64) -> u64 {
    bytes.saturating_sub(FREE).saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_heads_are_free_and_large_ones_are_bounded_together() {
        assert_eq!((charge(0), charge(FREE), charge(FREE + 3)), (0, 0, 6));
        let heads = Heads::new(10);
        assert!(heads.take(6) && !heads.take(5) && heads.take(4) && heads.take(0));
        heads.give_back(6);
        assert!(heads.take(5));
    }
}
