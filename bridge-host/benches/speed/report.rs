//! Rounds of both forms, alternating, and the ratios between them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use bridge_host::broker::Subscription;
use bridge_host::guest::Component;
use tokio::runtime::Handle;

use crate::measure::{Form, Round, Watch};
use crate::{IN_FLIGHT, bridge, native};

/// Runs one round, of either form on a current-thread runtime: the best of the
/// native form, and where the product runs a subscription.
pub fn run(
    form: Form,
    url: &str,
    messages: usize,
    subscription: Box<dyn Subscription>,
    settled: impl Future<Output = ()> + Send + 'static,
) -> Round {
    let runtime = crate::runtime();
    match form {
        Form::Native => runtime.block_on(async {
            let watch = Watch::start();
            native::forward(subscription, url, messages).await;
            settled.await;
            watch.stop(messages)
        }),
        Form::Bridge => runtime.block_on(async {
            let handler = adapter(url);
            let watch = Watch::start();
            bridge::forward(subscription, handler, IN_FLIGHT, Handle::current(), settled).await;
            watch.stop(messages)
        }),
    }
}

thread_local! {
    static ADAPTERS: RefCell<HashMap<String, Arc<Component>>> = RefCell::default();
}

/// One a URL, kept: instances outlive rounds, as they do in a bridge that runs
/// for long.
pub fn adapter(url: &str) -> Arc<Component> {
    ADAPTERS.with_borrow_mut(|adapters| {
        let adapter = adapters.entry(url.into());
        adapter.or_insert_with(|| bridge::adapter(url)).clone()
    })
}

/// Runs a round of each in turn, the order reversed each time, after one of
/// each that does not count; prints medians, and ratios with their spread.
pub fn show(title: &str, rounds: usize, round: impl Fn(Form) -> Round) {
    let mut pairs = Vec::new();
    for number in 0..=rounds {
        let (native, bridge) = match number % 2 {
            0 => {
                let native = round(Form::Native);
                (native, round(Form::Bridge))
            }
            _ => {
                let bridge = round(Form::Bridge);
                (round(Form::Native), bridge)
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

pub fn line(name: &str, pairs: &[(Round, Round)], figure: impl Fn(&(Round, Round)) -> f64) {
    let mut figures: Vec<f64> = pairs.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    let digits = if figures[0] > 1000.0 { 0 } else { 2 };
    println!(
        "{name:42} {:>8.digits$}   (min {:.digits$}, max {:.digits$})",
        figures[figures.len() / 2],
        figures[0],
        figures[figures.len() - 1],
    );
}
