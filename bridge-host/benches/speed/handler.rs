//! The ways to reach an HTTP handler: composed with the adapter, in process, and
//! behind a socket, always with the bridge in front.

mod placement;
mod server;

use std::process::Command;
use std::sync::Arc;

use bridge_host::broker::Settlement;
use bridge_host::guest::Component;
use tokio::runtime::Handle;

use crate::measure::{Round, Stopwatch};
use crate::{bridge, runtime};
use placement::{HttpVersion, Placement, Work};
use tokio::runtime::Runtime;

const ROUNDS: usize = 7;
const MESSAGES: usize = 10_000;
const IN_FLIGHT: [usize; 4] = [1, 64, 100, 1000];

/// Measures rounds of all placements in turn, in one process; then the memory of
/// each placement.
pub fn compare() {
    println!("an order service, reached in each way, {ROUNDS} rounds of each: medians\n");
    for http in [HttpVersion::V02, HttpVersion::V03] {
        for in_flight in IN_FLIGHT {
            speed(http, in_flight);
        }
    }
    println!("peak memory of the whole process, MiB");
    for http in [HttpVersion::V02, HttpVersion::V03] {
        for in_flight in IN_FLIGHT {
            let placements = http.placements().iter();
            let placements = placements.map(|placement| {
                format!(
                    "{} {}",
                    placement.name(),
                    measured(http, *placement, in_flight)
                )
            });
            let placements: Vec<_> = placements.collect();
            println!(
                "  {} {in_flight:>4} in flight: {}",
                http.name(),
                placements.join(", ")
            );
        }
    }
}

fn speed(http: HttpVersion, in_flight: usize) {
    // One runtime for all rounds, because pooled connections end with their
    // runtime.
    let runtime = runtime();
    let placements = http.placements();
    let started: Vec<_> = placements
        .iter()
        .map(|placement| placement.start(http, Work::Orders))
        .collect();
    let mut rounds = vec![Vec::new(); placements.len()];
    for number in 0..=ROUNDS {
        let mut order: Vec<_> = (0..placements.len()).collect();
        if number % 2 == 1 {
            order.reverse();
        }
        for placement in order {
            let measured = round(
                &runtime,
                &started[placement],
                MESSAGES,
                in_flight,
                placements[placement].settlement(Work::Orders),
            );
            // The first round of each is a warm-up.
            if number > 0 {
                rounds[placement].push(measured);
            }
        }
    }
    println!("{}, {in_flight} in flight", http.name());
    let cpu = |round: &Round| round.cpu.as_secs_f64() * 1e6;
    let loopback = rounds.last().expect("a placement");
    let (most, fewest) = (median(loopback, cpu), median(loopback, |it| it.rate));
    for (placement, rounds) in placements.iter().zip(&rounds) {
        let (cpu, rate) = (median(rounds, cpu), median(rounds, |it| it.rate));
        println!(
            "  {:12} CPU {cpu:>6.1} µs, loopback takes {:.2} times as much; {rate:>7.0} messages a second, {:.2} times loopback's",
            placement.name(),
            most / cpu,
            rate / fewest,
        );
    }
    println!();
}

fn median(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn round(
    runtime: &Runtime,
    component: &Arc<Component>,
    messages: usize,
    in_flight: usize,
    expected: Settlement,
) -> Round {
    let (queue, settled) = placement::queue(messages, expected);
    let component = component.clone();
    runtime.block_on(async {
        let stopwatch = Stopwatch::start();
        bridge::forward(queue, component, in_flight, Handle::current(), settled).await;
        stopwatch.stop(messages)
    })
}

/// Returns the memory that a separate process needed for one placement.
fn measured(http: HttpVersion, placement: Placement, in_flight: usize) -> String {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args(["handler-memory", http.name(), placement.name()])
        .arg(in_flight.to_string())
        .output()
        .expect("a process");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .into()
}

/// Runs in that process: handles this many messages at once, and prints its peak
/// memory.
pub fn memory(args: impl Iterator<Item = String>) {
    let args: Vec<_> = args.collect();
    let [http, placement, in_flight] = &args[..] else {
        panic!("not so: {args:?}");
    };
    let http = [HttpVersion::V02, HttpVersion::V03]
        .into_iter()
        .find(|it| it.name() == http);
    let http = http.expect("a version");
    let mut placements = http.placements().iter();
    let placement = placements
        .find(|it| it.name() == placement)
        .expect("a placement");
    let in_flight = in_flight.parse().expect("a number");
    let component = placement.start(http, Work::Slow);
    let expected = placement.settlement(Work::Slow);
    round(&runtime(), &component, in_flight, in_flight, expected);
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = most.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    println!("{}", kilobytes.expect("a number") >> 10);
}
