//! How many attempts at once an endpoint bears: one more after each round of
//! that many good ones while their time stays flat, a third less when it says
//! or shows that it is too much (AIMD). Pure, the time is given.

use std::time::Duration;

use tokio::time::Instant;

use crate::delivery::sign::Health;
use crate::delivery::sign::Sign;

/// Times below this are as good as none: a fast endpoint's jitter is no sign.
const NOISE: Duration = Duration::from_millis(2);

/// The shortest round is forgotten by this part a round, so that an endpoint
/// that became slower for good is not held to what it was.
const FORGET: u32 = 32;

/// The limit as it moves.
pub(super) struct Adaptive {
    min: usize,
    max: usize,
    limit: usize,
    /// Good attempts of this round, and their time.
    good: u32,
    time: Duration,
    /// The mean of the fastest round.
    fastest: Option<Duration>,
    shrunk: Option<Instant>,
}

impl Adaptive {
    /// Begins at the least.
    pub(super) fn new(min: usize, max: usize) -> Self {
        let max = max.max(1);
        let min = min.clamp(1, max);
        Self {
            min,
            max,
            limit: min,
            good: 0,
            time: Duration::ZERO,
            fastest: None,
            shrunk: None,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// What an attempt showed that began at `begun` and ends `now`; `full`
    /// tells whether the limit is used. Returns the limit, where it moved.
    pub(super) fn told(
        &mut self,
        sign: &Sign,
        begun: Instant,
        now: Instant,
        full: bool,
    ) -> Option<usize> {
        let before = self.limit;
        if sign.overloaded {
            // Those that began before tell of the same overload once more.
            if self.shrunk.is_none_or(|shrunk| begun >= shrunk) {
                self.limit = (before - before.div_ceil(3)).max(self.min);
                self.shrunk = Some(now);
                self.begin_round();
            }
        } else if sign.health == Health::Good {
            self.good += 1;
            self.time += now - begun;
            if self.good as usize >= self.limit {
                self.end_round(full);
            }
        }
        (self.limit != before).then_some(self.limit)
    }

    fn end_round(&mut self, full: bool) {
        let mean = self.time / self.good;
        let fastest = match self.fastest {
            Some(fastest) => (fastest + fastest / FORGET).min(mean),
            None => mean,
        };
        self.fastest = Some(fastest);
        if full && mean <= 2 * fastest + NOISE {
            self.limit = (self.limit + 1).min(self.max);
        }
        self.begin_round();
    }

    fn begin_round(&mut self) {
        self.good = 0;
        self.time = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Sign = Sign {
        health: Health::Good,
        overloaded: false,
        pause: None,
    };
    const BUSY: Sign = Sign {
        health: Health::Bad,
        overloaded: true,
        pause: None,
    };

    /// So many good attempts, one after the other, of so many milliseconds.
    fn good(adaptive: &mut Adaptive, now: &mut Instant, count: u32, millis: u64) {
        for _ in 0..count {
            let begun = *now;
            *now += Duration::from_millis(millis);
            adaptive.told(&GOOD, begun, *now, true);
        }
    }

    #[tokio::test]
    async fn grows_while_flat_and_no_further_than_told() {
        let (mut adaptive, mut now) = (Adaptive::new(2, 8), Instant::now());
        good(&mut adaptive, &mut now, 2, 10);
        assert_eq!(adaptive.limit(), 3);
        good(&mut adaptive, &mut now, 2 * 3, 30);
        assert_eq!(adaptive.limit(), 3, "three times as slow");
        good(&mut adaptive, &mut now, 3 + 4, 15);
        assert_eq!(adaptive.limit(), 5);
        good(&mut adaptive, &mut now, 100, 10);
        assert_eq!(adaptive.limit(), 8);
    }

    #[tokio::test]
    async fn slower_for_good_is_learned() {
        let (mut adaptive, mut now) = (Adaptive::new(1, 8), Instant::now());
        good(&mut adaptive, &mut now, 1, 10);
        good(&mut adaptive, &mut now, 200, 100);
        assert!(adaptive.limit() > 2, "{}", adaptive.limit());
    }

    #[tokio::test]
    async fn shrinks_once_for_one_overload() {
        let (mut adaptive, begun) = (Adaptive::new(2, 64), Instant::now());
        adaptive.limit = 30;
        let later = begun + NOISE;
        assert_eq!(adaptive.told(&BUSY, begun, later, true), Some(20));
        assert_eq!(adaptive.told(&BUSY, begun, later, true), None);
        assert_eq!(adaptive.told(&BUSY, later, later, true), Some(13));
        for _ in 0..20 {
            adaptive.told(&BUSY, later, later, true);
        }
        assert_eq!(adaptive.limit(), 2);
    }

    #[tokio::test]
    async fn unused_it_does_not_grow() {
        let (mut adaptive, now) = (Adaptive::new(1, 8), Instant::now());
        for _ in 0..50 {
            adaptive.told(&GOOD, now, now, false);
        }
        assert_eq!(adaptive.limit(), 1);
    }
}
