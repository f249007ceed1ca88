//! The config keys of a subscription's delivery, and the checks of one key against
//! another. `policy` has the values that the delivery uses.

mod order;
mod rate;

use order::ORDER_HELP;
pub use rate::Rate;

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::json;
use toml::de::DeValue;

use super::order::{AfterDeadLetter, OrderKey};
use crate::schema::{
    Declaration, Group, Kind, Section, SettingValue, Shown, Value, choice, duration, flag, integer,
    show_duration, table,
};
use crate::settings;

settings! {
    /// The keys of a subscription that say how it is delivered.
    #[derive(Clone, Debug)]
    pub struct PolicySettings {
        /// The concurrency limit: attempts in flight at once on this host; 1 keeps the order, where the broker
        /// can. With `{ min = 1, max = 64 }` the limit adapts to the endpoint, see
        /// [retries and limits](../guides/retries-and-limits.md#the-limits-of-an-endpoint).
        max_in_flight: MaxInFlight = IN_FLIGHT.default("64");
        /// An attempt that takes longer is stopped, and made again.
        timeout: Duration = duration().default("\"30s\"");
        /// When a failed attempt is made again, see [retries](#retries).
        retry: Retry = table().default("{}");
        /// Messages of one key are delivered in their order, see [ordering](../guides/ordering.md): `"topic"`,
        /// `{ metadata = "NAME" }` or `{ pointer = "/a/b" }`, a JSON pointer into the data.
        order_key: Option<OrderKey> = order::KEY.optional("none");
        /// With an `order_key`: after a dead letter, `"skip"` goes on with the next message of its key.
        /// `"block"` holds back that key's messages until the dead letter is replayed or dropped, see
        /// [ordering](../guides/ordering.md).
        on_dead_letter: AfterDeadLetter = choice().default("\"skip\"");
        /// Attempts per second, minute, hour or day: `"100/s"`, or `/m`, `/h`, `/d`. In
        /// `{ rate = "100/s", burst = 20 }`, `burst` says how many attempts may be made at once after an idle
        /// time; by default, as many as the rate allows in a tenth of a second.
        rate_limit: Option<Rate> = rate::LIMIT.optional("none");
        /// The circuit breaker, which pauses attempts while the endpoint fails, see
        /// [retries and limits](../guides/retries-and-limits.md#the-limits-of-an-endpoint):
        /// `{ failures = 10, cooldown = "30s" }`, or `{}` for these defaults.
        circuit_breaker: Option<CircuitBreakerSettings> = table().optional("none");
        /// Whether a 429 or 503 with a Retry-After pauses the whole subscription for that time, at most
        /// `retry.max_delay`. With `false` only the message itself waits.
        pause_on_retry_after: bool = flag().default("true");
    }
    check = check;
}

settings! {
    /// Settings for the deliveries of all subscriptions.
    #[derive(Clone, Copy, Debug)]
    pub struct DeliverySettings in "[delivery]" {
        /// How many hops a message may make from one subscription to another; with more it becomes a dead
        /// letter, see [loops](#loops).
        max_hops: u32 = integer().default("16");
    }
}

settings! {
    /// When a failed attempt is made again, and when a delivery is given up.
    /// Waits grow exponentially, with full jitter.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Retry {
        /// A delivery that keeps failing becomes a dead letter once this much time has passed since its first
        /// attempt.
        max_age: Option<Duration> = duration()
            .optional("`\"3d\"`; `\"15m\"` with `max_in_flight = 1` or an `order_key`");
        /// The most attempts of one delivery, the first one included. Without it, failures of the endpoint are
        /// bounded by `max_age` alone, and failures of the component by 12 attempts.
        max_attempts: Option<NonZeroU32> = integer().optional("none");
        /// If the host crashed this many times while a message was the only one in flight, the message becomes a
        /// dead letter, see [deployment](../deployment.md#after-a-crash).
        max_crashes: u32 = integer().default("3");
        /// The longest wait before the second attempt; it doubles with each further attempt. Each wait is chosen
        /// at random between zero and this limit.
        initial_delay: Duration = duration().default("\"500ms\"");
        /// No wait is longer than this, not even one that a Retry-After asks for.
        max_delay: Duration = duration().default("\"1h\"");
    }
    check = check_waits;
}

settings! {
    /// A circuit breaker.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CircuitBreakerSettings {
        /// It opens after this many consecutive failures.
        failures: u32 = integer().default("10");
        /// For how long it then lets no attempt through.
        cooldown: Duration = duration().default("\"30s\"");
    }
}

settings! {
    /// A concurrency limit that adapts to the endpoint.
    #[derive(Clone, Copy, Debug)]
    pub struct AdaptiveLimitSettings {
        /// The limit begins at this, and never shrinks below it.
        min: usize = integer().default("1");
        /// The limit never grows beyond this.
        max: usize = integer().default("64");
    }
    check = check_limit;
}

/// A concurrency limit: a number, or a range.
#[derive(Clone, Copy, Debug)]
pub struct MaxInFlight {
    /// With it, the limit adapts, and is at least this.
    pub min: Option<usize>,
    /// The most attempts in flight at once.
    pub max: usize,
}

const IN_FLIGHT: Declaration<MaxInFlight> = Declaration::kind(Kind::Either(
    &integer::<usize>().as_kind(),
    &Kind::Table(AdaptiveLimitSettings::TABLE),
));

impl SettingValue for MaxInFlight {
    fn from_value(value: &Value<'_>, _: &Kind) -> Option<Self> {
        if !matches!(value.value, DeValue::Table(_)) {
            let max = value.count()? as usize;
            return Some(Self { min: None, max });
        }
        let AdaptiveLimitSettings { min, max } = value.table()?;
        let min = Some(min);
        Some(Self { min, max })
    }

    fn show(&self) -> Shown {
        match self.min {
            Some(min) => json!({ "min": min, "max": self.max }),
            None => self.max.into(),
        }
    }
}

fn check(section: &Section<'_>, _: &PolicySettings) {
    let is_ordered = section.peek("order_key").is_some();
    if let Some(value) = section.peek("on_dead_letter").filter(|_| !is_ordered) {
        value.reader.fault(
            value.key_span,
            "there is an `on_dead_letter`, and no `order_key` whose messages could wait",
            ORDER_HELP,
        );
    }
}

fn check_waits(section: &Section<'_>, retry: &Retry) {
    let is_faulty = section.is_faulty("initial_delay") || section.is_faulty("max_delay");
    if retry.initial_delay <= retry.max_delay || is_faulty {
        return;
    }
    let (initial, max) = (
        show_duration(retry.initial_delay),
        show_duration(retry.max_delay),
    );
    section.fault(
        either(section, "initial_delay", "max_delay"),
        format!("the first wait, {initial}, is longer than the longest, {max}"),
        "`initial_delay` is at most `max_delay`",
    );
}

fn check_limit(section: &Section<'_>, limit: &AdaptiveLimitSettings) {
    let is_faulty = section.is_faulty("min") || section.is_faulty("max");
    let AdaptiveLimitSettings { min, max } = limit;
    if min <= max || is_faulty {
        return;
    }
    section.fault(
        either(section, "min", "max"),
        format!("the least in flight, {min}, is more than the most, {max}"),
        "`min` is at most `max`",
    );
}

/// The one of two keys that is there.
fn either<'a>(section: &Section<'_>, one: &'a str, other: &'a str) -> &'a str {
    match section.peek(one) {
        Some(_) => one,
        None => other,
    }
}
