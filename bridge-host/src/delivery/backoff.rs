//! How long a retry waits: exponential, with full jitter, never beyond the
//! cap, never before a Retry-After.

use std::time::Duration;

use super::Retry;

/// More doublings than any [`Duration`] survives.
const DOUBLINGS: u32 = 128;

/// The longest waits there can be, the one after the first attempt first: the
/// retry schedule, written out.
pub fn schedule(retry: &Retry) -> impl Iterator<Item = Duration> + use<> {
    let retry = retry.clone();
    (1..retry.max_attempts).map(move |attempt| longest(&retry, attempt))
}

/// The longest wait after this attempt, counted from 1.
fn longest(retry: &Retry, attempt: u32) -> Duration {
    let mut wait = retry.initial;
    for _ in 1..attempt.min(DOUBLINGS) {
        wait = wait.saturating_mul(2);
    }
    wait.min(retry.max)
}

/// The wait after this attempt. `jitter`, from 0 to 1, spreads it over all of
/// its range; where an endpoint asked for a time, over a tenth more than that,
/// so that a herd that was told the same does not come back at once.
pub(super) fn wait(
    retry: &Retry,
    attempt: u32,
    retry_after: Option<Duration>,
    jitter: f64,
) -> Duration {
    let backoff = part(longest(retry, attempt), jitter);
    let asked = retry_after.map_or(Duration::ZERO, |asked| {
        asked.saturating_add(part(asked / 10, jitter))
    });
    backoff.max(asked).min(retry.max)
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

    fn retry(max_attempts: u32, initial: Duration, max: Duration) -> Retry {
        Retry {
            max_attempts,
            initial,
            max,
        }
    }

    #[test]
    fn schedule_doubles_up_to_the_cap() {
        let waits: Vec<_> = schedule(&retry(6, SECOND, 5 * SECOND)).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5].map(Duration::from_secs));
        assert_eq!(schedule(&retry(1, SECOND, SECOND)).count(), 0);
        assert_eq!(schedule(&retry(0, SECOND, SECOND)).count(), 0);
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
            let plain = wait(retry, attempt, None, jitter);
            assert!(plain <= longest && plain >= before);
            before = plain;
            for asked in [Duration::ZERO, SECOND, Duration::MAX] {
                let wait = wait(retry, attempt, Some(asked), jitter);
                assert!(wait >= asked.min(retry.max) && wait <= retry.max);
                assert!(wait >= plain);
            }
        }
        assert_eq!(wait(retry, attempt, None, 0.0), Duration::ZERO);
        assert_eq!(wait(retry, attempt, None, f64::NAN), longest);
    }

    #[test]
    fn retry_after_is_spread_a_little() {
        let retry = retry(12, SECOND, 3600 * SECOND);
        let spread = |jitter| wait(&retry, 1, Some(100 * SECOND), jitter);
        assert_eq!(spread(0.0), 100 * SECOND);
        assert_eq!(spread(1.0), 110 * SECOND);
    }
}
