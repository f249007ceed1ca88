//! The bridge against forwarders that a user would write in Node or Python, on
//! JetStream: ratios of messages a second and of CPU a message. Each forwarder,
//! and the bridge too, is a process: `forwarder` starts and watches it.

mod forwarder;

use std::time::Duration;

use tempfile::TempDir;

use crate::jetstream::{self, FilledStream};
use crate::measure::{Round, Stopwatch};
use crate::report::line;
use crate::{at_each_endpoint, server};
use forwarder::{Forwarder, Kind};

const ROUNDS: usize = 5;

/// How many messages a process forwards before its measurement begins. They
/// cover its start, and the just-in-time compiler of Node.
const WARM_UP: usize = 5_000;

/// The pause between two looks at the consumer.
const POLL: Duration = Duration::from_millis(10);

/// One round of each forwarder, in the order of [`Kind::ALL`].
type Rounds = [Round; Kind::ALL.len()];

/// Compares the bridge with its peers at each endpoint.
pub fn compare() {
    for kind in Kind::ALL {
        kind.check();
    }
    let server = server::Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    at_each_endpoint(ROUNDS, |title, url, messages| {
        let rounds: Vec<Rounds> = (0..ROUNDS)
            .map(|number| round_of_each(number, &server.url(), url, messages, &folder))
            .collect();
        println!("{title}, JetStream");
        show(&rounds);
    });
}

/// Measures a round of each forwarder; every other time in reverse order.
fn round_of_each(
    number: usize,
    server: &str,
    url: &str,
    messages: usize,
    folder: &TempDir,
) -> Rounds {
    let measure = |kind: Kind| {
        jetstream::on_filled_stream(server, url, messages + WARM_UP, |filled| {
            round(kind, filled, folder)
        })
    };
    if number.is_multiple_of(2) {
        Kind::ALL.map(measure)
    } else {
        let [bridge, node, python] = Kind::ALL;
        let reversed = [python, node, bridge].map(measure);
        let [python, node, bridge] = reversed;
        [bridge, node, python]
    }
}

/// Measures one forwarder from the end of its warm-up until the server has the
/// acknowledgement of every message.
fn round(kind: Kind, filled: &FilledStream<'_>, folder: &TempDir) -> Round {
    let runtime = crate::runtime();
    let mut forwarder = Forwarder::start(kind, filled, folder.path());
    let process = forwarder.id();
    runtime.block_on(async {
        let mut left_until = async |most: usize| loop {
            forwarder.check_running();
            let left = jetstream::unacknowledged(&filled.consumer).await;
            if left <= most {
                return left;
            }
            tokio::time::sleep(POLL).await;
        };
        let measured = left_until(filled.messages - WARM_UP).await;
        let stopwatch = Stopwatch::on(process);
        left_until(0).await;
        stopwatch.stop(measured)
    })
}

/// Prints what each forwarder achieved, and the ratios of the bridge to each
/// peer.
fn show(rounds: &[Rounds]) {
    let micros = |round: &Round| round.cpu.as_secs_f64() * 1e6;
    for (at, kind) in Kind::ALL.into_iter().enumerate() {
        let name = kind.name();
        line(&format!("  {name}, messages a second"), rounds, |of| {
            of[at].rate
        });
        line(&format!("  {name}, CPU a message, µs"), rounds, |of| {
            micros(&of[at])
        });
        line(&format!("  {name}, % of the machine idle"), rounds, |of| {
            of[at].idle
        });
    }
    for (at, kind) in Kind::ALL.into_iter().enumerate().skip(1) {
        let name = kind.name();
        line(
            &format!("  messages a second, bridge to {name}"),
            rounds,
            |of| of[0].rate / of[at].rate,
        );
        line(
            &format!("  CPU a message, bridge to {name}"),
            rounds,
            |of| micros(&of[0]) / micros(&of[at]),
        );
    }
    println!();
}
