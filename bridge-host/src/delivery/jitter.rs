//! Cheap random numbers for the waits of retries. They are not cryptographically
//! secure.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A generator that is shared without a lock (SplitMix64).
pub(super) struct Jitter(AtomicU64);

impl Jitter {
    /// Creates a generator whose numbers differ from process to process.
    pub(super) fn random() -> Self {
        Self::seeded(RandomState::new().hash_one(0))
    }

    /// Creates a generator whose numbers depend on the seed alone.
    pub(super) fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Returns a number from 0, inclusive, to 1, exclusive.
    pub(super) fn next(&self) -> f64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Relaxed).wrapping_add(STEP);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_over_the_whole_range() {
        let jitter = Jitter::random();
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            tenths[(jitter.next() * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|n| *n > 700), "{tenths:?}");
    }
}
