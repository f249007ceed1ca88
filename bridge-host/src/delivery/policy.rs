//! How often, how long, how many at once, in what order and within which
//! limits a subscription is delivered. How that is written is `settings`.

use std::num::NonZeroU32;
use std::time::Duration;

use super::lanes::MOST;
use super::order::{AfterDeadLetter, Order};
use super::settings::{CircuitBreaker, DeliverySettings, InFlight, PolicySettings, Rate, Retry};
use crate::schema::{self, Group, Section, ShownTable, Table};

/// The delivery policy of one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts under way at once; 1 keeps the order.
    pub max_in_flight: usize,
    /// With it, the number of attempts at once follows what the endpoint
    /// bears, from this up to `max_in_flight`.
    pub min_in_flight: Option<usize>,
    /// What messages share that are delivered one after the other.
    pub order: Option<Order>,
    /// How fast attempts may follow one another.
    pub rate: Option<Rate>,
    /// When an endpoint that fails is left alone.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// A 429 or 503 with a Retry-After holds back all of the subscription.
    pub pause: bool,
    /// An attempt that takes longer is stopped, and counts as a timeout.
    pub timeout: Duration,
    /// What follows an attempt that may be made again.
    pub retry: Retry,
    /// A message with a higher hop count is not delivered: it goes round in a
    /// loop.
    pub max_hops: u32,
}

impl Policy {
    /// The policy of the `n`th of so many threads, counted from 0, that share
    /// what may be in flight. Each may have at least one.
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

    /// One attempt at a time and no key: nothing may overtake, which the
    /// broker is asked to see to ([`SubscribeSpec::ordered`]).
    ///
    /// [`SubscribeSpec::ordered`]: crate::broker::SubscribeSpec::ordered
    pub fn ordered(&self) -> bool {
        self.max_in_flight <= 1 && self.order.is_none()
    }

    /// Whether a dead letter blocks its key.
    pub fn blocks(&self) -> bool {
        let order = self.order.as_ref();
        order.is_some_and(|order| order.after_dead_letter == AfterDeadLetter::Block)
    }

    /// Whether a dead letter releases the messages that wait behind it.
    pub fn holds_back(&self) -> bool {
        self.ordered() || self.order.is_some() && !self.blocks()
    }

    /// How long after its first attempt a delivery is given up.
    pub fn max_age(&self) -> Duration {
        let default = match self.holds_back() {
            true => MAX_AGE_AHEAD,
            false => MAX_AGE,
        };
        self.retry.max_age.unwrap_or(default)
    }

    /// How many messages there is room for: those in flight, and with a key
    /// those that wait behind others of theirs.
    pub fn room(&self) -> usize {
        match self.order {
            None => self.max_in_flight,
            Some(_) => self.max_in_flight.saturating_add(MOST),
        }
    }
}

impl Retry {
    /// Attempts of a message that its component fails, without `max_attempts`:
    /// a trap seldom mends itself, and each costs an instance.
    pub const COMPONENT_ATTEMPTS: NonZeroU32 = NonZeroU32::new(12).unwrap();

    /// The attempt after which a failure of the component is final.
    pub fn component_attempts(&self) -> NonZeroU32 {
        self.max_attempts.unwrap_or(Self::COMPONENT_ATTEMPTS)
    }
}

/// The default age limit of a delivery: it survives an outage of a long weekend.
const MAX_AGE: Duration = Duration::from_secs(3 * 24 * 3600);

/// The default age limit where a waiting message holds back others.
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
            max_in_flight: InFlight {
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
            order: settings.order_key.map(|by| Order {
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
    fn threads_share_what_may_be_in_flight() {
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
    fn what_holds_back_others_is_given_up_sooner() {
        let age = |max_in_flight, after: Option<AfterDeadLetter>| {
            let order = after.map(|after_dead_letter| Order {
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
        // A letter that blocks its key lets nothing go on.
        assert_eq!(age(64, Some(AfterDeadLetter::Block)), MAX_AGE);
    }
}
