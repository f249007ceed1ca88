//! The circuit breaker: closed, open, half-open. The caller passes the time, so
//! the code is free of I/O.

use tokio::time::Instant;

use crate::delivery::endpoint_signal::Health;
use crate::delivery::settings;

/// Counts failures, and stops attempts while the endpoint fails.
pub(super) struct CircuitBreaker {
    policy: settings::CircuitBreakerSettings,
    state: State,
}

enum State {
    /// Attempts begin. `failures` counts the failures since the last success.
    Closed { failures: u32 },
    /// No attempt begins until this time.
    Open { until: Instant },
    /// One attempt at a time begins, as a probe.
    HalfOpen { probing: bool },
}

/// Why no attempt may begin, and when to check again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAdmitted {
    Until(Instant),
    /// Once the running probe has its result.
    Probing,
}

/// The state of a circuit breaker, for the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// Attempts begin.
    Closed,
    /// No attempt begins.
    Open,
    /// One attempt begins, to probe whether the endpoint works again.
    HalfOpen,
}

impl CircuitBreaker {
    pub(super) fn new(policy: settings::CircuitBreakerSettings) -> Self {
        Self {
            policy,
            state: State::Closed { failures: 0 },
        }
    }

    /// Checks whether an attempt may begin now.
    pub(super) fn check(&self, now: Instant) -> Result<(), NotAdmitted> {
        match self.state {
            State::Open { until } if now < until => Err(NotAdmitted::Until(until)),
            State::HalfOpen { probing: true } => Err(NotAdmitted::Probing),
            _ => Ok(()),
        }
    }

    /// Begins an attempt, and returns whether it is a probe.
    pub(super) fn begin_attempt(&mut self) -> bool {
        let probes = !matches!(self.state, State::Closed { .. });
        if probes {
            self.state = State::HalfOpen { probing: true };
        }
        probes
    }

    /// Records the result of an attempt. While the breaker is not closed, only a
    /// probe's result counts.
    pub(super) fn record(&mut self, probe: bool, health: Health, now: Instant) {
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

    pub(super) fn state(&self) -> CircuitState {
        match self.state {
            State::Closed { .. } => CircuitState::Closed,
            State::Open { .. } => CircuitState::Open,
            State::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(30);

    fn opened() -> (CircuitBreaker, Instant) {
        let now = Instant::now();
        let mut breaker = CircuitBreaker::new(settings::CircuitBreakerSettings {
            failures: 2,
            cooldown: OPEN_FOR,
        });
        for health in [Health::Bad, Health::Good, Health::Bad, Health::Unknown] {
            assert!(!breaker.begin_attempt());
            breaker.record(false, health, now);
            assert_eq!(breaker.state(), CircuitState::Closed);
        }
        breaker.record(false, Health::Bad, now);
        assert_eq!(breaker.state(), CircuitState::Open);
        (breaker, now)
    }

    #[tokio::test]
    async fn opens_after_failures_in_a_row() {
        let (mut breaker, now) = opened();
        assert_eq!(breaker.check(now), Err(NotAdmitted::Until(now + OPEN_FOR)));
        // The results of attempts that began before are ignored.
        breaker.record(false, Health::Good, now);
        breaker.record(false, Health::Bad, now + OPEN_FOR / 2);
        assert_eq!(
            breaker.check(now + OPEN_FOR / 2),
            Err(NotAdmitted::Until(now + OPEN_FOR))
        );
    }

    #[tokio::test]
    async fn one_probe_tells_for_all() {
        let (mut breaker, now) = opened();
        let now = now + OPEN_FOR;
        assert_eq!(breaker.check(now), Ok(()));
        assert!(breaker.begin_attempt());
        assert_eq!(breaker.check(now), Err(NotAdmitted::Probing));
        breaker.record(false, Health::Good, now);
        assert_eq!(breaker.check(now), Err(NotAdmitted::Probing));
        // A probe without information about the endpoint leaves the decision to
        // the next probe.
        breaker.record(true, Health::Unknown, now);
        assert_eq!(
            (breaker.check(now), breaker.begin_attempt()),
            (Ok(()), true)
        );
        breaker.record(true, Health::Bad, now);
        assert_eq!(breaker.check(now), Err(NotAdmitted::Until(now + OPEN_FOR)));
        assert!(breaker.begin_attempt());
        breaker.record(true, Health::Good, now + OPEN_FOR);
        assert_eq!(breaker.state(), CircuitState::Closed);
        assert!(!breaker.begin_attempt());
    }
}
