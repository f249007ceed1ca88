//! In what order and how fast: `order_key`, `rate_limit`, `breaker`, and
//! `max_in_flight` as a number or a range.

use toml::de::DeValue;

use super::units::{self, RATE_HELP};
use super::value::Value;
use crate::delivery::{AfterDeadLetter, Breaker, Order, OrderKey, Policy, Rate};

const ORDER_HELP: &str =
    "order_key = \"topic\", { metadata = \"tenant\" } or { pointer = \"/customer/id\" }";
const AFTER: [(&str, AfterDeadLetter); 2] = [
    ("skip", AfterDeadLetter::Skip),
    ("block", AfterDeadLetter::Block),
];
const POINTER_HELP: &str = "a JSON pointer begins with / and names keys or places in lists: \"/customer/id\", \"/items/0\"; ~1 is a slash in a key, ~0 a tilde";

/// The breaker, unless told otherwise.
const BREAKER: Breaker = Breaker {
    after: 10,
    open_for: std::time::Duration::from_secs(30),
};

/// Reads `max_in_flight`.
pub(super) fn in_flight(value: &Value<'_>, policy: &mut Policy) {
    if !matches!(value.value, DeValue::Table(_)) {
        let count = value.count().map(|count| count as usize);
        policy.max_in_flight = count.unwrap_or(policy.max_in_flight);
        return;
    }
    let Some(mut section) = value.section("`max_in_flight`") else {
        return;
    };
    let (min, max) = (section.take("min"), section.take("max"));
    section.finish();
    let count = |value: &Option<Value<'_>>, default| match value {
        Some(value) => value.count().map(|count| count as usize),
        None => Some(default),
    };
    let read = (count(&min, 1), count(&max, policy.max_in_flight));
    let (Some(least), Some(most)) = read else {
        return;
    };
    if least > most {
        min.as_ref().or(max.as_ref()).unwrap_or(value).fault(
            format!("the least in flight, {least}, is more than the most, {most}"),
            "`min` is at most `max`",
        );
        return;
    }
    policy.min_in_flight = Some(least);
    policy.max_in_flight = most;
}

/// Reads `order_key`.
pub(super) fn order(value: &Value<'_>) -> Option<OrderKey> {
    match value.value {
        DeValue::String(_) => return value.one_of(&[("topic", OrderKey::Topic)]),
        DeValue::Table(_) => {}
        _ => {
            value.wrong_kind("\"topic\" or a table", ORDER_HELP);
            return None;
        }
    }
    let mut section = value.section("`order_key`")?;
    let (metadata, pointer) = (section.take("metadata"), section.take("pointer"));
    section.finish();
    match (metadata, pointer) {
        (Some(name), None) => {
            let text = name.text()?;
            if text.expose().is_empty() {
                name.fault("`metadata` is empty", ORDER_HELP);
                return None;
            }
            Some(OrderKey::Metadata(text.expose().into()))
        }
        (None, Some(at)) => {
            let text = at.text()?;
            if !is_pointer(text.expose()) {
                at.fault(
                    format!("{} is no JSON pointer", text.quoted()),
                    POINTER_HELP,
                );
                return None;
            }
            Some(OrderKey::Pointer(text.expose().into()))
        }
        (None, None) => {
            value.fault("`order_key` names nothing", ORDER_HELP);
            None
        }
        (Some(_), Some(at)) => {
            at.fault(
                "`order_key` has both `metadata` and `pointer`",
                "keep one of them",
            );
            None
        }
    }
}

/// Reads `on_dead_letter`, which belongs to an `order_key`.
pub(super) fn after_dead_letter(
    order: Option<Option<OrderKey>>,
    value: Option<&Value<'_>>,
) -> Option<Order> {
    let after = value.map(|value| value.one_of(&AFTER));
    if let (None, Some(value)) = (&order, value) {
        value.reader.fault(
            value.key_span.clone(),
            "there is an `on_dead_letter`, and no `order_key` whose messages could wait",
            ORDER_HELP,
        );
    }
    Some(Order {
        by: order??,
        after_dead_letter: after.unwrap_or(Some(AfterDeadLetter::Skip))?,
    })
}

fn is_pointer(text: &str) -> bool {
    let escapes = |part: &str| part.starts_with('0') || part.starts_with('1');
    text.starts_with('/') && text.split('~').skip(1).all(escapes)
}

/// Reads `rate_limit`.
pub(super) fn rate(value: &Value<'_>) -> Option<Rate> {
    if !matches!(value.value, DeValue::Table(_)) {
        return text_rate(value);
    }
    let mut section = value.section("`rate_limit`")?;
    let (rate, burst) = (section.take("rate"), section.take("burst"));
    if rate.is_none() {
        section.missing("rate", RATE_HELP);
    }
    section.finish();
    let burst = burst.map(|burst| burst.count());
    let mut rate = text_rate(&rate?)?;
    if let Some(burst) = burst {
        rate.burst = burst?;
    }
    Some(rate)
}

/// A rate in a text, with the burst that goes without saying: a tenth of a
/// second's worth, as clocks tick in milliseconds.
fn text_rate(value: &Value<'_>) -> Option<Rate> {
    if !matches!(value.value, DeValue::String(_)) {
        value.wrong_kind("a rate", RATE_HELP);
        return None;
    }
    let text = value.text()?;
    let Some((count, per)) = units::rate(text.expose()) else {
        value.fault(format!("{} is no rate", text.quoted()), RATE_HELP);
        return None;
    };
    let tenth = f64::from(count) / per.as_secs_f64() / 10.0;
    Some(Rate {
        count,
        per,
        burst: (tenth as u32).max(1),
    })
}

/// Reads `breaker`.
pub(super) fn breaker(value: &Value<'_>) -> Option<Breaker> {
    let mut section = value.section("`breaker`")?;
    let after = section.take("after").map(|it| it.count());
    let open_for = section.take("open_for").map(|it| it.duration());
    section.finish();
    Some(Breaker {
        after: after.unwrap_or(Some(BREAKER.after))?,
        open_for: open_for.unwrap_or(Some(BREAKER.open_for))?,
    })
}
