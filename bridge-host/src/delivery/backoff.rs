//! The wait before a retry: exponential backoff with full jitter, never longer
//! than the cap and never shorter than a Retry-After allows.

use std::num::NonZeroU32;
use std::time::Duration;

use super::Retry;

/// Enough doublings to overflow any [`Duration`].
const DOUBLINGS: u32 = 128;

/// Returns the retry schedule: the longest wait after each attempt, beginning
/// with the first attempt. Without `max_attempts` the iterator never ends.
pub fn schedule(retry: &Retry) -> impl Iterator<Item = Duration> + use<> {
    let retry = retry.clone();
    let most = retry.max_attempts.map_or(u32::MAX, NonZeroU32::get);
    (1..most).map(move |attempt| max_wait(&retry, attempt))
}

/// Returns the longest time from the start of the first attempt to the start of
/// this one, if each attempt took `attempt_time` and nothing else delayed it.
pub(super) fn max_time_until(retry: &Retry, attempt: u32, attempt_time: Duration) -> Duration {
    let before = attempt.saturating_sub(1);
    let growing = before.min(DOUBLINGS);
    let waits = (1..=growing).fold(Duration::ZERO, |sum, attempt| {
        sum.saturating_add(max_wait(retry, attempt))
    });
    let longest = retry.max_delay.saturating_mul(before - growing);
    let attempts = attempt_time.saturating_mul(before);
    waits.saturating_add(longest).saturating_add(attempts)
}

/// Returns the longest wait after this attempt. Attempts count from 1.
fn max_wait(retry: &Retry, attempt: u32) -> Duration {
    let mut wait = retry.initial_delay;
    for _ in 1..attempt.min(DOUBLINGS) {
        wait = wait.saturating_mul(2);
    }
    wait.min(retry.max_delay)
}

/// Returns the wait after this attempt. `jitter`, from 0 to 1, spreads the wait
/// over its whole range. If the endpoint sent a Retry-After, the jitter adds up
/// to a tenth of that time instead, so that many messages do not return at the
/// same moment. The wait ends when no time is `left`, so that a last attempt is
/// made then, unless the endpoint asked for more.
pub(super) fn wait(
    retry: &Retry,
    attempt: u32,
    retry_after: Option<Duration>,
    left: Duration,
    jitter: f64,
) -> Duration {
    let backoff = fraction(max_wait(retry, attempt), jitter).min(left);
    let requested = retry_after.map_or(Duration::ZERO, |requested| {
        requested.saturating_add(fraction(requested / 10, jitter))
    });
    backoff.max(requested).min(retry.max_delay)
}

/// Returns the fraction `share`, from 0 to 1, of `whole`; the whole if `share` is
/// not a number.
fn fraction(whole: Duration, share: f64) -> Duration {
    let seconds = whole.as_secs_f64() * share.clamp(0.0, 1.0);
    Duration::try_from_secs_f64(seconds).map_or(whole, |part| part.min(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn retry(max_attempts: u32, initial_delay: Duration, max_delay: Duration) -> Retry {
        Retry {
            max_age: None,
            max_attempts: NonZeroU32::new(max_attempts),
            max_crashes: 3,
            initial_delay,
            max_delay,
        }
    }

    #[test]
    fn schedule_doubles_up_to_the_cap() {
        let waits: Vec<_> = schedule(&retry(6, SECOND, 5 * SECOND)).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5].map(Duration::from_secs));
        assert_eq!(schedule(&retry(1, SECOND, SECOND)).count(), 0);
        let endless = retry(0, SECOND, SECOND);
        assert_eq!(schedule(&endless).take(1000).count(), 1000);
    }

    #[test]
    fn waits_stay_within_their_bounds() {
        let extremes = [
            Duration::ZERO,
            Duration::from_nanos(1),
            SECOND,
            3600 * SECOND,
            Duration::MAX,
        ];
        let attempts = (0..200).chain([u32::MAX / 2, u32::MAX]);
        for (initial, max) in pairs(&extremes) {
            let retry = retry(12, initial, max);
            let mut before = Duration::ZERO;
            for attempt in attempts.clone() {
                let longest = max_wait(&retry, attempt);
                assert!(longest >= before && longest <= max, "{retry:?} {attempt}");
                before = longest;
                check_jitters(&retry, attempt, longest);
            }
        }
    }

    fn pairs(all: &[Duration]) -> impl Iterator<Item = (Duration, Duration)> {
        let pair = |a: &Duration| all.iter().map(move |b| (*a, *b)).collect::<Vec<_>>();
        all.iter().flat_map(pair)
    }

    #[track_caller]
    fn check_jitters(retry: &Retry, attempt: u32, longest: Duration) {
        let mut before = Duration::ZERO;
        for jitter in [0.0, 0.1, 0.5, 0.999_999, 1.0] {
            let plain = wait(retry, attempt, None, Duration::MAX, jitter);
            assert!(plain <= longest && plain >= before);
            before = plain;
            for requested in [Duration::ZERO, SECOND, Duration::MAX] {
                let wait = wait(retry, attempt, Some(requested), Duration::MAX, jitter);
                assert!(wait >= requested.min(retry.max_delay) && wait <= retry.max_delay);
                assert!(wait >= plain);
            }
        }
        let plain = |jitter| wait(retry, attempt, None, Duration::MAX, jitter);
        assert_eq!((plain(0.0), plain(f64::NAN)), (Duration::ZERO, longest));
        let left = wait(retry, attempt, None, SECOND, 1.0);
        assert_eq!(left, longest.min(SECOND));
    }

    #[test]
    fn retry_after_is_spread_a_little() {
        let retry = retry(12, SECOND, 3600 * SECOND);
        let spread = |jitter| wait(&retry, 1, Some(100 * SECOND), SECOND, jitter);
        assert_eq!(spread(0.0), 100 * SECOND);
        assert_eq!(spread(1.0), 110 * SECOND);
    }

    #[test]
    fn the_time_until_an_attempt_is_the_sum_of_all_before_it() {
        let retry = retry(0, SECOND, 5 * SECOND);
        let until = |attempt| max_time_until(&retry, attempt, 10 * SECOND);
        let expected = [0, 0, 11, 23, 37, 52, 67];
        let expected = expected.map(Duration::from_secs);
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(until), expected);
        let many = until(1000) - until(999);
        assert_eq!(many, 15 * SECOND);
        assert!(max_time_until(&retry, u32::MAX, Duration::MAX) == Duration::MAX);
    }
}
