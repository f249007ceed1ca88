//! The circuit breaker: closed, open, half-open. Pure, the time is given.

use tokio::time::Instant;

use crate::delivery::settings;
use crate::delivery::sign::Health;

/// What lets attempts through, or does not.
pub(super) struct Breaker {
    policy: settings::CircuitBreaker,
    state: State,
}

enum State {
    /// All go through; so many failures since the last success.
    Closed { failures: u32 },
    /// None goes through.
    Open { until: Instant },
    /// One goes through, and tells for all.
    HalfOpen { probing: bool },
}

/// Until when it is of no use to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shut {
    Until(Instant),
    /// Until the probe under way has its result.
    Probing,
}

/// What is shown of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Attempts are made.
    Closed,
    /// None is made.
    Open,
    /// One is made, to see whether the endpoint is back.
    HalfOpen,
}

impl Breaker {
    pub(super) fn new(policy: settings::CircuitBreaker) -> Self {
        Self {
            policy,
            state: State::Closed { failures: 0 },
        }
    }

    /// Whether an attempt may begin now.
    pub(super) fn ask(&self, now: Instant) -> Result<(), Shut> {
        match self.state {
            State::Open { until } if now < until => Err(Shut::Until(until)),
            State::HalfOpen { probing: true } => Err(Shut::Probing),
            _ => Ok(()),
        }
    }

    /// One begins. Whether it is a probe.
    pub(super) fn begin(&mut self) -> bool {
        let probes = !matches!(self.state, State::Closed { .. });
        if probes {
            self.state = State::HalfOpen { probing: true };
        }
        probes
    }

    /// What one showed. Once it has opened, only the probe is heard.
    pub(super) fn told(&mut self, probe: bool, health: Health, now: Instant) {
        match (&mut self.state, health) {
            (State::Closed { failures }, Health::Good) => *failures = 0,
            (State::Closed { failures }, Health::Bad) => {
                *failures += 1;
                if *failures >= self.policy.failures {
                    self.open(now);
                }
            }
            (State::HalfOpen { .. }, Health::Good) if probe => {
                self.state = State::Closed { failures: 0 };
            }
            (State::HalfOpen { .. }, Health::Bad) if probe => self.open(now),
            (State::HalfOpen { probing }, Health::Unknown) if probe => *probing = false,
            _ => {}
        }
    }

    fn open(&mut self, now: Instant) {
        let until = now + self.policy.cooldown;
        self.state = State::Open { until };
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(30);

    fn opened() -> (Breaker, Instant) {
        let now = Instant::now();
        let mut breaker = Breaker::new(settings::CircuitBreaker {
            failures: 2,
            cooldown: OPEN_FOR,
        });
        for health in [Health::Bad, Health::Good, Health::Bad, Health::Unknown] {
            assert!(!breaker.begin());
            breaker.told(false, health, now);
            assert_eq!(breaker.state(), BreakerState::Closed);
        }
        breaker.told(false, Health::Bad, now);
        assert_eq!(breaker.state(), BreakerState::Open);
        (breaker, now)
    }

    #[tokio::test]
    async fn opens_after_failures_in_a_row() {
        let (mut breaker, now) = opened();
        assert_eq!(breaker.ask(now), Err(Shut::Until(now + OPEN_FOR)));
        // Those that began before tell nothing any more.
        breaker.told(false, Health::Good, now);
        breaker.told(false, Health::Bad, now + OPEN_FOR / 2);
        assert_eq!(
            breaker.ask(now + OPEN_FOR / 2),
            Err(Shut::Until(now + OPEN_FOR))
        );
    }

    #[tokio::test]
    async fn one_probe_tells_for_all() {
        let (mut breaker, now) = opened();
        let now = now + OPEN_FOR;
        assert_eq!(breaker.ask(now), Ok(()));
        assert!(breaker.begin());
        assert_eq!(breaker.ask(now), Err(Shut::Probing));
        breaker.told(false, Health::Good, now);
        assert_eq!(breaker.ask(now), Err(Shut::Probing));
        // One that says nothing of the endpoint leaves it to the next.
        breaker.told(true, Health::Unknown, now);
        assert_eq!((breaker.ask(now), breaker.begin()), (Ok(()), true));
        breaker.told(true, Health::Bad, now);
        assert_eq!(breaker.ask(now), Err(Shut::Until(now + OPEN_FOR)));
        assert!(breaker.begin());
        breaker.told(true, Health::Good, now + OPEN_FOR);
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(!breaker.begin());
    }
}
