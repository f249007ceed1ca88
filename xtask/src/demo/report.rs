//! How it ended: the ledger, what it cost, and the comparison of ids.

use std::time::Duration;

use super::bridge::Ledger;
use super::messages::Plan;
use super::received::Received;
use crate::Result;

/// Prints everything, and fails with what does not add up.
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
    let faults = faults(plan, received, ledger);
    match faults.is_empty() {
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
        false => Err(faults.join("\n       ")),
    }
}

/// What it cost.
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

/// Counted since a start, of which there were two.
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

/// Everything that is not as the plan has it.
fn faults(plan: &Plan, received: &Received, ledger: &Ledger) -> Vec<String> {
    let mut faults = Vec::new();
    let counts = [
        ("accepted", ledger.accepted, plan.messages),
        ("delivered", ledger.delivered, plan.messages - plan.filtered),
        ("filtered", ledger.filtered, plan.filtered),
        ("dead-lettered", ledger.dead_lettered, 0),
        ("pending", ledger.pending, 0),
    ];
    for (name, is, should) in counts {
        if is != should {
            faults.push(format!("{is} are {name}, which should be {should}"));
        }
    }
    let arrived = &received.accepted;
    let lost: Vec<_> = plan
        .arrivals
        .keys()
        .filter(|id| !arrived.contains_key(*id))
        .collect();
    let strange: Vec<_> = arrived
        .keys()
        .filter(|id| !plan.arrivals.contains_key(*id))
        .collect();
    let torn: Vec<_> = arrived
        .iter()
        .filter(|(id, arrival)| {
            let length = plan.arrivals.get(*id).copied().flatten();
            length.is_some_and(|length| length != arrival.length)
        })
        .map(|(id, _)| id)
        .collect();
    for (what, ids) in [
        ("did not arrive", lost),
        ("arrived and should not have", strange),
        ("arrived with another length", torn),
    ] {
        if let Some(first) = ids.first() {
            faults.push(format!("{} ids {what}, such as {first}", ids.len()));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::demo::received::Arrival;

    fn faults_of(arrived: &[(&str, u64)], delivered: u64) -> Vec<String> {
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
        faults(&plan, &received, &ledger)
    }

    #[test]
    fn what_is_lost_is_told() {
        assert!(faults_of(&[("a", 5), ("b.1", 7)], 2).is_empty());
        let lost = faults_of(&[("b.1", 7)], 2);
        assert_eq!(lost, ["1 ids did not arrive, such as a"]);
        let torn = faults_of(&[("a", 4), ("b.1", 7)], 2);
        assert_eq!(torn, ["1 ids arrived with another length, such as a"]);
        let strange = faults_of(&[("a", 5), ("b.1", 7), ("c", 1)], 2);
        assert_eq!(strange, ["1 ids arrived and should not have, such as c"]);
        assert_eq!(faults_of(&[("a", 5), ("b.1", 7)], 1).len(), 2);
    }
}
