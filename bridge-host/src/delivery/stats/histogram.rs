//! Durations in buckets, eight for each power of two of microseconds: a quantile
//! is at most an eighth too long.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets for each power of two.
const SPLIT: usize = 8;
const SPLIT_BITS: u32 = SPLIT.trailing_zeros();
/// Up to 2^42 microseconds, about 50 days. The last bucket holds everything
/// longer.
const BUCKETS: usize = 40 * SPLIT;

/// Counts durations without a lock, in 2.5 KB.
pub struct Histogram([AtomicU64; BUCKETS]);

impl Histogram {
    /// Counts a duration.
    pub fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0[bucket(micros)].fetch_add(1, Relaxed);
    }

    /// Returns how many durations were counted.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// Returns the duration that the fraction `share`, from 0 to 1, of all
    /// durations did not exceed: 0.5 is the median, 0.99 the p99. Returns `None`
    /// if none was counted.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        Self::quantile_of([self], share)
    }

    /// Returns a quantile, like [`Histogram::quantile`], over several histograms.
    pub fn quantile_of<'a>(
        these: impl IntoIterator<Item = &'a Self>,
        share: f64,
    ) -> Option<Duration> {
        let mut counts = [0; BUCKETS];
        for histogram in these {
            for (sum, count) in counts.iter_mut().zip(&histogram.0) {
                *sum += count.load(Relaxed);
            }
        }
        let total: u64 = counts.iter().sum();
        let rank = ((total as f64 * share).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        let bucket = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_micros(end(bucket)))
    }
}

/// Returns the bucket of a duration. Durations below 8 µs have a bucket each;
/// above, the leading bit selects the power of two, and the next three bits the
/// bucket.
fn bucket(micros: u64) -> usize {
    let Some(power) = micros.checked_ilog2().filter(|n| *n >= SPLIT_BITS) else {
        return micros as usize;
    };
    let shift = power - SPLIT_BITS;
    let within = (micros >> shift) as usize - SPLIT;
    ((shift as usize + 1) * SPLIT + within).min(BUCKETS - 1)
}

/// Returns the longest duration of a bucket, in microseconds.
fn end(bucket: usize) -> u64 {
    match (bucket / SPLIT, bucket % SPLIT) {
        (0, micros) => micros as u64,
        (power, within) => (((SPLIT + within + 1) as u64) << (power - 1)) - 1,
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_one_another_without_a_gap() {
        for n in 0..BUCKETS - 1 {
            assert_eq!(bucket(end(n)), n);
            assert_eq!(bucket(end(n) + 1), n + 1);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_at_most_an_eighth_too_long() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for millis in 1..=1000 {
            histogram.record(Duration::from_millis(millis));
        }
        for (share, millis) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let exact = Duration::from_millis(millis);
            let read = histogram.quantile(share).unwrap();
            assert!(read >= exact && read <= exact * 9 / 8, "{share}: {read:?}");
        }
        assert_eq!(histogram.count(), 1000);
    }
}
