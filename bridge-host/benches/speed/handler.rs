//! An HTTP handler in process against the same file behind a socket, both with
//! the bridge in front: what the socket costs.

mod forms;
mod server;

use std::process::Command;

use bridge_host::delivery::Workers;

use crate::bridge;
use crate::measure::{Round, Watch};
use crate::report::line;
use forms::Form;

const ROUNDS: usize = 7;
const MESSAGES: usize = 10_000;

/// What is asked of the example's order service.
const ORDERS: (&str, &str) = ("orders", "/orders");
/// A request that takes half a second, so that all of them are there at once.
const SLOW: (&str, &str) = ("responder", "/wait?500");

/// Rounds of both forms, alternating, in one process; then the memory of each.
pub fn compare() {
    println!("one handler file, in process and over loopback HTTP/1.1 with kept connections");
    for in_flight in [1, 64] {
        let forms = [Form::InProcess, Form::Loopback].map(|form| form.start(ORDERS));
        let round = |form: usize| round(&forms[form], MESSAGES, in_flight);
        let mut pairs = Vec::new();
        for number in 0..=ROUNDS {
            let (first, second) = (number % 2, 1 - number % 2);
            let mut pair = [(first, round(first)), (second, round(second))];
            pair.sort_by_key(|(form, _)| *form);
            // The first of each does not count.
            if number > 0 {
                pairs.push((pair[0].1, pair[1].1));
            }
        }
        show(in_flight, &pairs);
    }
    println!("memory of the whole process at its largest, MiB");
    for in_flight in [1, 100, 1000] {
        let [inside, loopback] = ["in-process", "loopback"].map(|form| measured(form, in_flight));
        println!("  {in_flight:>4} in flight: in process {inside:>6}, loopback {loopback:>6}");
    }
}

fn show(in_flight: usize, pairs: &[(Round, Round)]) {
    let micros = |round: &Round| round.cpu.as_secs_f64() * 1e6;
    println!("\n{in_flight} in flight");
    line(
        "  CPU a message, loopback to in process",
        pairs,
        |(a, b)| micros(b) / micros(a),
    );
    line(
        "  messages a second, in process to loopback",
        pairs,
        |(a, b)| a.rate / b.rate,
    );
    line("  in process, CPU a message, µs", pairs, |(a, _)| {
        micros(a)
    });
    line("  loopback, CPU a message, µs", pairs, |(_, b)| micros(b));
    line("  in process, messages a second", pairs, |(a, _)| a.rate);
    line("  loopback, messages a second", pairs, |(_, b)| b.rate);
}

fn round(form: &forms::Started, messages: usize, in_flight: usize) -> Round {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (queue, settled) = forms::queue(messages);
    let adapter = form.adapter.clone();
    runtime.block_on(async {
        let watch = Watch::start();
        bridge::forward(queue, adapter, in_flight, Workers::current(), settled).await;
        watch.stop(messages)
    })
}

/// What a process of its own needed for one form.
fn measured(form: &str, in_flight: usize) -> String {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args(["handler-memory", form, &in_flight.to_string()])
        .output()
        .expect("a process");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .into()
}

/// That process: so many messages at once, and the most memory it ever had.
pub fn memory(mut args: impl Iterator<Item = String>) {
    let form = match args.next().as_deref() {
        Some("in-process") => Form::InProcess,
        _ => Form::Loopback,
    };
    let in_flight = args.next().and_then(|text| text.parse().ok());
    let in_flight = in_flight.expect("a number");
    round(&form.start(SLOW), in_flight, in_flight);
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = most.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    println!("{}", kilobytes.expect("a number") >> 10);
}
