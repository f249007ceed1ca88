//! What only a component itself tells: whether it handles messages, and
//! whether a chain fits together.

use std::path::PathBuf;

use crate::config::{Fault, Guests, Parts, Subscription};
use crate::host::composition;

/// The faults of a subscription's components.
pub(in crate::cli) fn inspect(_: &Guests, subscription: &Subscription) -> Vec<Fault> {
    let Err(error) = composition(subscription) else {
        return Vec::new();
    };
    let what = error.to_string();
    let key = key_of(&subscription.parts, &what);
    let place = subscription.place(&key).cloned();
    vec![Fault::new(place, what, None::<String>)]
}

/// The key of the component that an error is about: the first that it names.
fn key_of(parts: &Parts, what: &str) -> String {
    let named = |file: &PathBuf| what.find(&file.display().to_string());
    let files = parts.files().iter().enumerate();
    let first = files
        .filter_map(|(n, file)| named(file).map(|at| (at, n)))
        .min();
    match (parts, first) {
        (Parts::Adapter, _) => "to".into(),
        (Parts::Component(_), _) => "component".into(),
        (Parts::Chain(_), Some((_, n))) => format!("chain.{n}"),
        (Parts::Chain(_), None) => "chain".into(),
    }
}
