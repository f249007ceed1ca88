//! The bridge against a plain native forwarder, alternating in one run: ratios
//! of messages a second and of CPU a message. `cargo xtask bench` runs it. With
//! `threads`, a subscription that two threads share; with `handler`, an HTTP
//! handler in process against the same behind a socket.

mod bridge;
mod handler;
mod jetstream;
mod measure;
mod memory;
mod native;
mod receiver;
mod report;
mod server;
mod store;
mod threads;

use std::time::Duration;

/// What one round carries.
pub const BODY: usize = 1024;
/// Attempts under way at once, on both sides.
pub const IN_FLIGHT: usize = 64;

fn main() {
    tell();
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("receiver") => receiver::run(args.next().expect("a delay in milliseconds")),
        Some("threads") => share(),
        Some("handler") => handler::compare(),
        Some("handler-memory") => handler::memory(args),
        _ => compare(),
    }
}

/// What goes wrong in a round is told, and ends it all: nothing waits for what
/// will not come.
fn tell() {
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

/// One thread: the best of the native form, and where the product runs a
/// subscription.
pub fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// Of each form.
const ROUNDS: usize = 7;
/// How long the endpoint takes, and how many messages it gets a round.
const ENDPOINTS: [(Duration, usize); 2] =
    [(Duration::ZERO, 30_000), (Duration::from_millis(1), 20_000)];

/// Each endpoint in turn: what it is called, its URL, and how many messages it
/// gets.
fn at_each_endpoint(compare: impl Fn(&str, &str, usize)) {
    println!("{BODY} bytes, {IN_FLIGHT} in flight, {ROUNDS} rounds of each, alternating\n");
    for (delay, messages) in ENDPOINTS {
        let receiver = receiver::Receiver::start(delay);
        let title = format!("endpoint that takes {delay:?}");
        compare(&title, &receiver.url(), messages);
    }
}

fn share() {
    let server = server::Server::start();
    at_each_endpoint(|title, url, messages| {
        report::show(
            &format!("{title}, JetStream, two threads"),
            ROUNDS,
            |form| {
                let bridge = threads::with_bridge;
                jetstream::round(form, bridge, &server.url(), url, messages)
            },
        );
    });
}

fn compare() {
    let server = server::Server::start();
    at_each_endpoint(|title, url, messages| {
        report::show(&format!("{title}, queue in memory"), ROUNDS, |form| {
            memory::round(form, url, messages)
        });
        report::show(&format!("{title}, embedded broker"), ROUNDS, |form| {
            store::round(form, url, messages)
        });
        report::show(&format!("{title}, JetStream"), ROUNDS, |form| {
            let bridge = jetstream::with_bridge;
            jetstream::round(form, bridge, &server.url(), url, messages)
        });
    });
}
