//! Decides when and with which status the endpoint answers. Serving requests stays out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

use super::args::Args;
use super::values::{Delay, Percent};

/// Decides how each request is answered.
pub(super) struct Behaviour {
    delay: Option<Delay>,
    fail: Percent,
    fail_first: u64,
    status: StatusCode,
    retry_after: Option<Duration>,
    seen: AtomicU64,
    failed: AtomicBool,
    random: AtomicU64,
}

/// The answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub after: Duration,
    pub status: StatusCode,
    /// In whole seconds.
    pub retry_after: Option<u64>,
}

impl Behaviour {
    /// Creates the behaviour of these arguments. `seed` is the seed of random values.
    pub fn new(args: &Args, seed: u64) -> Self {
        Self {
            delay: args.delay,
            fail: args.fail.unwrap_or(Percent(0.0)),
            fail_first: args.fail_first,
            status: args.status,
            retry_after: args.retry_after,
            seen: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            random: AtomicU64::new(seed),
        }
    }

    /// Returns the answer to the next request.
    pub fn next(&self) -> Answer {
        let is_early = self.seen.fetch_add(1, Ordering::Relaxed) < self.fail_first;
        let fails = is_early || self.share() * 100.0 < self.fail.0;
        let after = self.delay.map_or(Duration::ZERO, |delay| {
            delay.shortest + (delay.longest - delay.shortest).mul_f64(self.share())
        });
        let retry_after = self
            .retry_after
            .filter(|_| fails && !self.failed.swap(true, Ordering::Relaxed));
        Answer {
            after,
            status: match fails {
                true => self.status,
                false => StatusCode::NO_CONTENT,
            },
            retry_after: retry_after.map(|time| time.as_secs_f64().ceil() as u64),
        }
    }

    /// Returns a random number from 0 to 1 (SplitMix64).
    fn share(&self) -> f64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut n = self
            .random
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP);
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((n ^ (n >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        args: Args,
    }

    fn behaviour(arguments: &str) -> Behaviour {
        let arguments = arguments.split_whitespace();
        let args = Alone::try_parse_from(std::iter::once("receive").chain(arguments));
        Behaviour::new(&args.unwrap_or_else(|error| panic!("{error}")).args, 7)
    }

    #[test]
    fn the_first_fail_and_one_says_when_to_come_again() {
        let behaviour = behaviour("--fail-first 2 --status 500 --retry-after 1500ms");
        let answers: Vec<_> = (0..3).map(|_| behaviour.next()).collect();
        let status = |n: usize| answers[n].status.as_u16();
        assert_eq!((status(0), status(1), status(2)), (500, 500, 204));
        assert_eq!(
            (answers[0].retry_after, answers[1].retry_after),
            (Some(2), None)
        );
    }

    #[test]
    fn a_share_fails_and_delays_are_within_their_bounds() {
        let behaviour = behaviour("--fail 25% --delay 5ms..50ms");
        let answers: Vec<_> = (0..4000).map(|_| behaviour.next()).collect();
        let failed = answers.iter().filter(|answer| answer.status == 503).count();
        assert!((900..1100).contains(&failed), "{failed}");
        let bounds = Duration::from_millis(5)..=Duration::from_millis(50);
        assert!(answers.iter().all(|answer| bounds.contains(&answer.after)));
    }
}
