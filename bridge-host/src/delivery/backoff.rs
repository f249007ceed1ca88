//! How long a retry waits: exponential, with full jitter, never beyond the
//! cap, never before a Retry-After.

use std::num::NonZeroU32;
use std::time::Duration;

use super::Retry;

/// More doublings than any [`Duration`] survives.
const DOUBLINGS: u32 = 128;

/// The longest waits there can be, the one after the first attempt first: the
/// retry schedule, written out. Without `max_attempts` it has no end.
pub fn schedule(retry: &Retry) -> impl Iterator<Item = Duration> + use<> {
    let retry = retry.clone();
    let most = retry.max_attempts.map_or(u32::MAX, NonZeroU32::get);
    (1..most).map(move |attempt| longest(&retry, attempt))
}

/// The most time that can have passed from the first attempt until this one
/// began, where each took `attempt_time` and nothing held it up.
pub(super) fn longest_until(retry: &Retry, attempt: u32, attempt_time: Duration) -> Duration {
    let before = attempt.saturating_sub(1);
    let growing = before.min(DOUBLINGS);
    let waits = (1..=growing).fold(Duration::ZERO, |sum, attempt| {
        sum.saturating_add(longest(retry, attempt))
    });
    let longest = retry.max_delay.saturating_mul(before - growing);
    let attempts = attempt_time.saturating_mul(before);
    waits.saturating_add(longest).saturating_add(attempts)
}

/// The longest wait after this attempt, counted from 1.
fn longest(retry: &Retry, attempt: u32) -> Duration {
    let mut wait = retry.initial_delay;
    for _ in 1..attempt.min(DOUBLINGS) {
        wait = wait.saturating_mul(2);
    }
    wait.min(retry.max_delay)
}

/// The wait after this attempt. `jitter`, from 0 to 1, spreads it over all of
/// its range; where an endpoint asked for a time, over a tenth more than that,
/// so that a herd that was told the same does not come back at once. The last
/// attempt is made when no time is `left`, unless the endpoint asked for more.
pub(super) fn wait(
    retry: &Retry,
    attempt: u32,
    retry_after: Option<Duration>,
    left: Duration,
    jitter: f64,
) -> Duration {
    let backoff = part(longest(retry, attempt), jitter).min(left);
    let asked = retry_after.map_or(Duration::ZERO, |asked| {
        asked.saturating_add(part(asked / 10, jitter))
    });
    backoff.max(asked).min(retry.max_delay)
}

/// `share`, from 0 to 1, of `whole`; all of it for a share that is no number.
fn part(whole: Duration, share: f64) -> Duration {
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
                let longest = longest(&retry, attempt);
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
            for asked in [Duration::ZERO, SECOND, Duration::MAX] {
                let wait = wait(retry, attempt, Some(asked), Duration::MAX, jitter);
                assert!(wait >= asked.min(retry.max_delay) && wait <= retry.max_delay);
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
        let until = |attempt| longest_until(&retry, attempt, 10 * SECOND);
        let expected = [0, 0, 11, 23, 37, 52, 67];
        let expected = expected.map(Duration::from_secs);
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(until), expected);
        let many = until(1000) - until(999);
        assert_eq!(many, 15 * SECOND);
        assert!(longest_until(&retry, u32::MAX, Duration::MAX) == Duration::MAX);
    }
}
