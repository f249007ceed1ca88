//! An HTTP handler that gets messages in each way there is: composed with the
//! adapter, in process, and behind a socket, always with the bridge in front.

mod forms;
mod server;

use std::process::Command;
use std::sync::Arc;

use bridge_host::broker::Settlement;
use bridge_host::guest::Component;
use tokio::runtime::Handle;

use crate::measure::{Round, Watch};
use crate::{bridge, runtime};
use forms::{Form, Http, Work};
use tokio::runtime::Runtime;

const ROUNDS: usize = 7;
const MESSAGES: usize = 10_000;
const IN_FLIGHT: [usize; 4] = [1, 64, 100, 1000];

/// Rounds of all forms in turn, in one process; then the memory of each.
pub fn compare() {
    println!("an order service reached in each way, {ROUNDS} rounds of each: medians\n");
    for http in [Http::V02, Http::V03] {
        for in_flight in IN_FLIGHT {
            speed(http, in_flight);
        }
    }
    println!("memory of the whole process at its largest, MiB");
    for http in [Http::V02, Http::V03] {
        for in_flight in IN_FLIGHT {
            let forms = http.forms().iter();
            let forms =
                forms.map(|form| format!("{} {}", form.name(), measured(http, *form, in_flight)));
            let forms: Vec<_> = forms.collect();
            println!(
                "  {} {in_flight:>4} in flight: {}",
                http.name(),
                forms.join(", ")
            );
        }
    }
}

fn speed(http: Http, in_flight: usize) {
    // One for all rounds: kept connections end with the runtime they are on.
    let runtime = runtime();
    let forms = http.forms();
    let started: Vec<_> = forms
        .iter()
        .map(|form| form.start(http, Work::Orders))
        .collect();
    let mut rounds = vec![Vec::new(); forms.len()];
    for number in 0..=ROUNDS {
        let mut order: Vec<_> = (0..forms.len()).collect();
        if number % 2 == 1 {
            order.reverse();
        }
        for form in order {
            let measured = round(
                &runtime,
                &started[form],
                MESSAGES,
                in_flight,
                forms[form].settlement(Work::Orders),
            );
            // The first of each does not count.
            if number > 0 {
                rounds[form].push(measured);
            }
        }
    }
    println!("{}, {in_flight} in flight", http.name());
    let cpu = |round: &Round| round.cpu.as_secs_f64() * 1e6;
    let loopback = rounds.last().expect("a form");
    let (most, fewest) = (median(loopback, cpu), median(loopback, |it| it.rate));
    for (form, rounds) in forms.iter().zip(&rounds) {
        let (cpu, rate) = (median(rounds, cpu), median(rounds, |it| it.rate));
        println!(
            "  {:12} CPU {cpu:>6.1} µs, loopback takes {:.2} times as much; {rate:>7.0} messages a second, {:.2} times loopback's",
            form.name(),
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
    let (queue, settled) = forms::queue(messages, expected);
    let component = component.clone();
    runtime.block_on(async {
        let watch = Watch::start();
        bridge::forward(queue, component, in_flight, Handle::current(), settled).await;
        watch.stop(messages)
    })
}

/// What a process of its own needed for one form.
fn measured(http: Http, form: Form, in_flight: usize) -> String {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args(["handler-memory", http.name(), form.name()])
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

/// That process: so many messages at once, and the most memory it ever had.
pub fn memory(args: impl Iterator<Item = String>) {
    let args: Vec<_> = args.collect();
    let [http, form, in_flight] = &args[..] else {
        panic!("not so: {args:?}");
    };
    let http = [Http::V02, Http::V03]
        .into_iter()
        .find(|it| it.name() == http);
    let http = http.expect("a version");
    let mut forms = http.forms().iter();
    let form = forms.find(|it| it.name() == form).expect("a form");
    let in_flight = in_flight.parse().expect("a number");
    let component = form.start(http, Work::Slow);
    let expected = form.settlement(Work::Slow);
    round(&runtime(), &component, in_flight, in_flight, expected);
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = most.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    println!("{}", kilobytes.expect("a number") >> 10);
}
