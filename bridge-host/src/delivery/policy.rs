//! The delivery policy of a subscription: how many attempts, how fast, in what
//! order and within which limits. `settings` declares its config keys.

use std::num::NonZeroU32;
use std::time::Duration;

use super::key_queues::MAX_QUEUED;
use super::order::{AfterDeadLetter, KeyOrdering};
use super::settings::{
    CircuitBreakerSettings, DeliverySettings, MaxInFlight, PolicySettings, Rate, Retry,
};
use crate::schema::{self, Group, Section, ShownTable, Table};

/// The delivery policy of one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The most attempts in flight at once; 1 keeps the order.
    pub max_in_flight: usize,
    /// If set, the number of attempts in flight adapts to the endpoint, from this
    /// up to `max_in_flight`.
    pub min_in_flight: Option<usize>,
    /// The order by key, if there is one.
    pub order: Option<KeyOrdering>,
    /// The rate limit of attempts.
    pub rate: Option<Rate>,
    /// The circuit breaker, if there is one.
    pub circuit_breaker: Option<CircuitBreakerSettings>,
    /// Whether a 429 or 503 with a Retry-After pauses the whole subscription.
    pub pause: bool,
    /// An attempt that takes longer is stopped, and counts as a timeout.
    pub timeout: Duration,
    /// When a failed attempt is retried.
    pub retry: Retry,
    /// A message with a higher hop count becomes a dead letter: it goes round in
    /// a loop.
    pub max_hops: u32,
}

impl Policy {
    /// Returns the policy for thread `n`, counted from 0, of `threads` that share
    /// the permits. Each thread has at least one permit.
    pub fn share(&self, n: usize, threads: usize) -> Self {
        let part = |all: usize| {
            let more = usize::from(n < all % threads);
            (all / threads + more).max(1)
        };
        Self {
            max_in_flight: part(self.max_in_flight),
            min_in_flight: self.min_in_flight.map(part),
            ..self.clone()
        }
    }

    /// Returns whether messages keep the order of the broker: one attempt at a
    /// time, and no key. The broker must then support it
    /// ([`SubscribeSpec::ordered`]).
    ///
    /// [`SubscribeSpec::ordered`]: crate::broker::SubscribeSpec::ordered
    pub fn ordered(&self) -> bool {
        self.max_in_flight <= 1 && self.order.is_none()
    }

    /// Returns whether a dead letter blocks its key.
    pub fn blocks(&self) -> bool {
        let order = self.order.as_ref();
        order.is_some_and(|order| order.after_dead_letter == AfterDeadLetter::Block)
    }

    /// Returns whether messages wait behind a failing one until it becomes a dead
    /// letter.
    pub fn holds_back(&self) -> bool {
        self.ordered() || self.order.is_some() && !self.blocks()
    }

    /// Returns how long after its first attempt a failing delivery becomes a dead
    /// letter.
    pub fn max_age(&self) -> Duration {
        let default = match self.holds_back() {
            true => MAX_AGE_AHEAD,
            false => MAX_AGE,
        };
        self.retry.max_age.unwrap_or(default)
    }

    /// Returns how many messages this host can hold: those in flight, and with a
    /// key those that wait behind others.
    pub fn capacity(&self) -> usize {
        match self.order {
            None => self.max_in_flight,
            Some(_) => self.max_in_flight.saturating_add(MAX_QUEUED),
        }
    }
}

impl Retry {
    /// How many attempts a message gets that its component fails, without
    /// `max_attempts`. A trap is seldom transient, and each one costs an
    /// instance.
    pub const COMPONENT_ATTEMPTS: NonZeroU32 = NonZeroU32::new(12).unwrap();

    /// Returns the attempt after which a failure of the component is final.
    pub fn component_attempts(&self) -> NonZeroU32 {
        self.max_attempts.unwrap_or(Self::COMPONENT_ATTEMPTS)
    }
}

/// The default age limit of a delivery: long enough for an outage over a long
/// weekend.
const MAX_AGE: Duration = Duration::from_secs(3 * 24 * 3600);

/// The default age limit if other messages wait behind a failing one.
const MAX_AGE_AHEAD: Duration = Duration::from_secs(15 * 60);

impl Default for Policy {
    fn default() -> Self {
        schema::defaults::<PolicySettings>().into()
    }
}

impl Group for Policy {
    const TABLE: &'static Table = PolicySettings::TABLE;

    fn read(section: &mut Section<'_>) -> Option<Self> {
        PolicySettings::read(section).map(Self::from)
    }

    fn show(&self) -> ShownTable {
        Group::show(&PolicySettings::from(self))
    }
}

impl From<&Policy> for PolicySettings {
    fn from(policy: &Policy) -> Self {
        let order = policy.order.as_ref();
        Self {
            max_in_flight: MaxInFlight {
                min: policy.min_in_flight,
                max: policy.max_in_flight,
            },
            timeout: policy.timeout,
            retry: policy.retry.clone(),
            order_key: order.map(|order| order.by.clone()),
            on_dead_letter: order.map_or(AfterDeadLetter::Skip, |order| order.after_dead_letter),
            rate_limit: policy.rate,
            circuit_breaker: policy.circuit_breaker,
            pause_on_retry_after: policy.pause,
        }
    }
}

impl From<PolicySettings> for Policy {
    fn from(settings: PolicySettings) -> Self {
        Self {
            max_in_flight: settings.max_in_flight.max,
            min_in_flight: settings.max_in_flight.min,
            order: settings.order_key.map(|by| KeyOrdering {
                by,
                after_dead_letter: settings.on_dead_letter,
            }),
            rate: settings.rate_limit,
            circuit_breaker: settings.circuit_breaker,
            pause: settings.pause_on_retry_after,
            timeout: settings.timeout,
            retry: settings.retry,
            max_hops: schema::defaults::<DeliverySettings>().max_hops,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_the_permits() {
        let policy = Policy {
            max_in_flight: 11,
            min_in_flight: Some(2),
            ..Policy::default()
        };
        let shares = [0, 1, 2].map(|n| policy.share(n, 3));
        let most = shares.each_ref().map(|share| share.max_in_flight);
        assert_eq!(most, [4, 4, 3]);
        let least = shares.map(|share| share.min_in_flight);
        assert_eq!(least, [Some(1); 3]);
        assert_eq!(policy.share(0, 1), policy);
    }

    #[test]
    fn a_delivery_that_holds_back_others_is_given_up_sooner() {
        let age = |max_in_flight, after: Option<AfterDeadLetter>| {
            let order = after.map(|after_dead_letter| KeyOrdering {
                by: crate::delivery::OrderKey::Topic,
                after_dead_letter,
            });
            let policy = Policy {
                max_in_flight,
                order,
                ..Policy::default()
            };
            policy.max_age()
        };
        assert_eq!(age(64, None), MAX_AGE);
        assert_eq!(age(1, None), MAX_AGE_AHEAD);
        assert_eq!(age(64, Some(AfterDeadLetter::Skip)), MAX_AGE_AHEAD);
        assert_eq!(age(1, Some(AfterDeadLetter::Skip)), MAX_AGE_AHEAD);
        // A dead letter that blocks its key does not release the others.
        assert_eq!(age(64, Some(AfterDeadLetter::Block)), MAX_AGE);
    }
}
