//! The report at the end: the ledger, the duplicates, the throughput, and the
//! comparison of ids.

use std::time::Duration;

use super::bridge::Ledger;
use super::messages::Plan;
use super::received::Received;
use crate::Result;

/// Prints the report. Fails if the figures do not add up.
pub fn show(
    plan: &Plan,
    received: &Received,
    before: &Ledger,
    ledger: &Ledger,
    took: Duration,
) -> Result {
    let Ledger {
        accepted,
        delivered,
        filtered,
        dead_lettered,
        pending,
        ..
    } = ledger;
    println!();
    println!(
        "ledger      {accepted} accepted = {delivered} delivered + {filtered} filtered + {dead_lettered} dead-lettered + {pending} pending"
    );
    figures(plan, received, before, ledger, took);
    let errors = find_errors(plan, received, ledger);
    match errors.is_empty() {
        true => {
            println!(
                "nothing lost: {} ids published, {} to be filtered, {} to be split; {} different ids were \
                 to arrive, and exactly these did",
                plan.messages,
                plan.filtered,
                plan.split,
                plan.arrivals.len()
            );
            Ok(())
        }
        false => Err(errors.join("\n       ")),
    }
}

/// Prints retries, duplicates, throughput and latency.
fn figures(plan: &Plan, received: &Received, before: &Ledger, ledger: &Ledger, took: Duration) {
    let (seconds, megabytes) = (took.as_secs_f64(), plan.bytes as f64 / 1e6);
    println!(
        "retries     {} attempts were made again, {} requests were refused",
        retried(before) + retried(ledger),
        received.refused
    );
    let items = received.duplicates(|id| plan.is_item(id));
    println!(
        "duplicates  {} of {} requests that were accepted: {} items of batches, which are repeated whole, and {} others",
        received.duplicates(|_| true),
        received.requests(),
        items,
        received.duplicates(|_| true) - items
    );
    println!(
        "throughput  {:.0} messages, {:.1} MB a second: {seconds:.1} s, kill and restart included",
        ledger.accepted as f64 / seconds,
        megabytes / seconds
    );
    println!(
        "latency     an attempt: {}",
        latency(before, ledger, "attempt_ms")
    );
    println!(
        "            published to done: {}",
        latency(before, ledger, "latency_ms")
    );
}

/// Adds up the retries since both starts.
fn retried(ledger: &Ledger) -> u64 {
    ledger.since_start["retried"].as_u64().unwrap_or(0)
}

fn latency(before: &Ledger, after: &Ledger, name: &str) -> String {
    let quantiles = |ledger: &Ledger| {
        let of = |share: &str| match ledger.since_start[name][share].as_f64() {
            Some(milliseconds) => format!("{share} {milliseconds:.0} ms"),
            None => format!("{share} unknown"),
        };
        format!("{}, {}", of("p50"), of("p99"))
    };
    format!(
        "{} before the kill; {} after it",
        quantiles(before),
        quantiles(after)
    )
}

/// Returns everything that differs from the plan.
fn find_errors(plan: &Plan, received: &Received, ledger: &Ledger) -> Vec<String> {
    let mut errors = Vec::new();
    let counts = [
        ("accepted", ledger.accepted, plan.messages),
        ("delivered", ledger.delivered, plan.messages - plan.filtered),
        ("filtered", ledger.filtered, plan.filtered),
        ("dead-lettered", ledger.dead_lettered, 0),
        ("pending", ledger.pending, 0),
    ];
    for (name, is, should) in counts {
        if is != should {
            errors.push(format!("{is} are {name}, expected {should}"));
        }
    }
    let arrived = &received.accepted;
    let lost: Vec<_> = plan
        .arrivals
        .keys()
        .filter(|id| !arrived.contains_key(*id))
        .collect();
    let unexpected: Vec<_> = arrived
        .keys()
        .filter(|id| !plan.arrivals.contains_key(*id))
        .collect();
    let truncated: Vec<_> = arrived
        .iter()
        .filter(|(id, arrival)| {
            let length = plan.arrivals.get(*id).copied().flatten();
            length.is_some_and(|length| length != arrival.length)
        })
        .map(|(id, _)| id)
        .collect();
    for (what, ids) in [
        ("did not arrive", lost),
        ("arrived and should not have", unexpected),
        ("arrived with another length", truncated),
    ] {
        if let Some(first) = ids.first() {
            errors.push(format!("{} ids {what}, such as {first}", ids.len()));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::demo::received::Arrival;

    fn errors_of(arrived: &[(&str, u64)], delivered: u64) -> Vec<String> {
        let plan = Plan {
            messages: 3,
            filtered: 1,
            arrivals: [("a".into(), Some(5)), ("b.1".into(), None)].into(),
            ..Plan::default()
        };
        let mut received = Received::new(PathBuf::new());
        for (id, length) in arrived {
            let arrival = Arrival {
                times: 1,
                length: *length,
            };
            received.accepted.insert((*id).into(), arrival);
        }
        let ledger = Ledger {
            accepted: 3,
            delivered,
            filtered: 1,
            dead_lettered: 0,
            pending: 2 - delivered,
            since_start: serde_json::Value::Null,
        };
        find_errors(&plan, &received, &ledger)
    }

    #[test]
    fn lost_messages_are_reported() {
        assert!(errors_of(&[("a", 5), ("b.1", 7)], 2).is_empty());
        let lost = errors_of(&[("b.1", 7)], 2);
        assert_eq!(lost, ["1 ids did not arrive, such as a"]);
        let truncated = errors_of(&[("a", 4), ("b.1", 7)], 2);
        assert_eq!(truncated, ["1 ids arrived with another length, such as a"]);
        let unexpected = errors_of(&[("a", 5), ("b.1", 7), ("c", 1)], 2);
        assert_eq!(unexpected, ["1 ids arrived and should not have, such as c"]);
        assert_eq!(errors_of(&[("a", 5), ("b.1", 7)], 1).len(), 2);
    }
}
