//! Alternating rounds of both sides, and the ratios between them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use bridge_host::broker::Subscription;
use bridge_host::guest::Component;
use tokio::runtime::Handle;

use crate::measure::{Round, Side, Stopwatch};
use crate::{IN_FLIGHT, bridge, native};

/// Runs one round on a current-thread runtime, on which the product runs a
/// subscription, and which is fastest for the native forwarder.
pub fn run(
    side: Side,
    url: &str,
    messages: usize,
    subscription: Box<dyn Subscription>,
    settled: impl Future<Output = ()> + Send + 'static,
) -> Round {
    let runtime = crate::runtime();
    match side {
        Side::Native => runtime.block_on(async {
            let stopwatch = Stopwatch::start();
            native::forward(subscription, url, messages).await;
            settled.await;
            stopwatch.stop(messages)
        }),
        Side::Bridge => runtime.block_on(async {
            let handler = adapter(url);
            let stopwatch = Stopwatch::start();
            bridge::forward(subscription, handler, IN_FLIGHT, Handle::current(), settled).await;
            stopwatch.stop(messages)
        }),
    }
}

thread_local! {
    static ADAPTERS: RefCell<HashMap<String, Arc<Component>>> = RefCell::default();
}

/// Returns the adapter for a URL. It is kept, because instances outlive rounds,
/// as they do in a bridge that runs for long.
pub fn adapter(url: &str) -> Arc<Component> {
    ADAPTERS.with_borrow_mut(|adapters| {
        let adapter = adapters.entry(url.into());
        adapter.or_insert_with(|| bridge::adapter(url)).clone()
    })
}

/// Runs rounds of both sides in turn, in reversed order every other time, after a
/// warm-up round of each. Prints medians, and ratios with their spread.
pub fn show(title: &str, rounds: usize, round: impl Fn(Side) -> Round) {
    let mut pairs = Vec::new();
    for number in 0..=rounds {
        let (native, bridge) = match number % 2 {
            0 => {
                let native = round(Side::Native);
                (native, round(Side::Bridge))
            }
            _ => {
                let bridge = round(Side::Bridge);
                (round(Side::Native), bridge)
            }
        };
        if number > 0 {
            pairs.push((native, bridge));
        }
    }
    let micros = |round: &Round| round.cpu.as_secs_f64() * 1e6;
    println!("{title}");
    line(
        "  messages a second, bridge to native",
        &pairs,
        |(native, bridge)| bridge.rate / native.rate,
    );
    line(
        "  CPU a message, bridge to native",
        &pairs,
        |(native, bridge)| micros(bridge) / micros(native),
    );
    line(
        "  CPU a message that the bridge adds, µs",
        &pairs,
        |(native, bridge)| micros(bridge) - micros(native),
    );
    line("  native, CPU a message, µs", &pairs, |(native, _)| {
        micros(native)
    });
    line("  native, messages a second", &pairs, |(native, _)| {
        native.rate
    });
    line("  native, % of the machine idle", &pairs, |(native, _)| {
        native.idle
    });
    line("  bridge, % of the machine idle", &pairs, |(_, bridge)| {
        bridge.idle
    });
    println!();
}

/// Prints the median, the minimum and the maximum of one figure.
pub fn line<T>(name: &str, rounds: &[T], figure: impl Fn(&T) -> f64) {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    let digits = if figures[0] > 1000.0 { 0 } else { 2 };
    println!(
        "{name:42} {:>8.digits$}   (min {:.digits$}, max {:.digits$})",
        figures[figures.len() / 2],
        figures[0],
        figures[figures.len() - 1],
    );
}
