//! What only a component itself tells: whether it handles messages or answers
//! requests, whether a chain fits together, and which topics it wants where
//! the config names none.

use std::path::PathBuf;

use crate::compose::ComposeError;
use crate::config::{Fault, Guests, Parts, Subscription};
use crate::host::{SubscriptionError, check_topics, composition, handler};

/// The faults of a subscription's components.
pub(in crate::cli) fn inspect(guests: &Guests, subscription: &Subscription) -> Vec<Fault> {
    let (what, key) = if let Err(error) = composition(subscription) {
        let what = error.to_string();
        let key = key_of(subscription, &error, &what);
        (what, key)
    } else if let Some(Err(error)) = subscription.handler().map(handler) {
        (error.to_string(), "to".into())
    } else if let Err(error) = topics(guests, subscription) {
        (error.to_string(), "topics".into())
    } else {
        return Vec::new();
    };
    let place = subscription.place(&key).cloned();
    vec![Fault::new(place, what, None::<String>)]
}

fn topics(guests: &Guests, subscription: &Subscription) -> Result<(), SubscriptionError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a thread can wait for itself");
    runtime.block_on(check_topics(guests, subscription))
}

/// The key that an error is about.
fn key_of(subscription: &Subscription, error: &SubscriptionError, what: &str) -> String {
    use ComposeError::{SendsNothing, SendsToOne};
    match error {
        SubscriptionError::Compose(SendsNothing { .. } | SendsToOne { .. }) => "endpoints".into(),
        _ => part_of(&subscription.parts, what),
    }
}

/// The key of the component that an error is about: the first that it names.
fn part_of(parts: &Parts, what: &str) -> String {
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
