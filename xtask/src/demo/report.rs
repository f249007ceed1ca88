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
    let (seconds, megabytes) = (took.as_secs_f64(), plan.bytes as f64 / 1e6);
    println!();
    println!(
        "ledger      {accepted} accepted = {delivered} delivered + {filtered} filtered + {dead_lettered} dead-lettered + {pending} pending"
    );
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
        *accepted as f64 / seconds,
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
