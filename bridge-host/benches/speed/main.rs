//! Benchmarks of the bridge against a native forwarder, in alternating rounds of
//! one run: ratios of messages a second and of CPU time a message. `cargo xtask
//! bench` runs them. With `threads`, two threads share a subscription. With
//! `handler`, an HTTP handler runs in process and behind a socket. With `peers`,
//! the peers are forwarders in Node and Python.

mod bridge;
mod handler;
mod jetstream;
mod measure;
mod memory;
mod native;
mod peers;
mod receiver;
mod report;
mod server;
mod store;
mod threads;

use std::time::Duration;

/// The size of a message, in bytes.
pub const BODY: usize = 1024;
/// The concurrency limit of all forwarders.
pub const IN_FLIGHT: usize = 64;

fn main() {
    exit_on_panic();
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("receiver") => receiver::run(args.next().expect("a delay in milliseconds")),
        Some("threads") => compare_threads(),
        Some("handler") => handler::compare(),
        Some("peers") => peers::compare(),
        Some("handler-memory") => handler::memory(args),
        _ => compare(),
    }
}

/// Reports an error in a round and exits, because the other threads would wait
/// forever.
fn exit_on_panic() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(1);
    }));
}

/// Returns a runtime of one thread: the fastest for the native forwarder, and
/// what the product uses for a subscription.
pub fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// How many rounds are measured on each side.
const ROUNDS: usize = 7;
/// The time that the endpoint takes, and how many messages it gets in a round.
const ENDPOINTS: [(Duration, usize); 2] =
    [(Duration::ZERO, 30_000), (Duration::from_millis(1), 20_000)];

/// Calls `compare` for each endpoint, with the title of the comparison, the
/// endpoint's URL, and how many messages the endpoint gets in a round.
fn at_each_endpoint(rounds: usize, compare: impl Fn(&str, &str, usize)) {
    println!("{BODY} bytes, {IN_FLIGHT} in flight, {rounds} rounds of each, alternating\n");
    for (delay, messages) in ENDPOINTS {
        let receiver = receiver::Receiver::start(delay);
        let title = format!("endpoint that takes {delay:?}");
        compare(&title, &receiver.url(), messages);
    }
}

fn compare_threads() {
    let server = server::Server::start();
    at_each_endpoint(ROUNDS, |title, url, messages| {
        report::show(
            &format!("{title}, JetStream, two threads"),
            ROUNDS,
            |side| {
                let bridge = threads::with_bridge;
                jetstream::round(side, bridge, &server.url(), url, messages)
            },
        );
    });
}

fn compare() {
    let server = server::Server::start();
    at_each_endpoint(ROUNDS, |title, url, messages| {
        report::show(&format!("{title}, queue in memory"), ROUNDS, |side| {
            memory::round(side, url, messages)
        });
        report::show(&format!("{title}, embedded broker"), ROUNDS, |side| {
            store::round(side, url, messages)
        });
        report::show(&format!("{title}, JetStream"), ROUNDS, |side| {
            let bridge = jetstream::with_bridge;
            jetstream::round(side, bridge, &server.url(), url, messages)
        });
    });
}
