//! What only a component itself tells: whether it handles messages or answers
//! requests, whether a chain fits together, and which topics it wants where
//! the config names none.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::compose::ComposeError;
use crate::config::{
    ComponentTopics, Components, Config, Fault, ProcessEnvironment, Subscription, WasmSettings,
    load,
};
use crate::host::{self, SubscriptionError, composition, handler};
use crate::message::TopicPattern;

/// Loads a config and looks into its components: the config, and the topics
/// that the components ask for.
pub(in crate::cli) fn inspected(file: &Path) -> Result<(Config, ComponentTopics), Vec<Fault>> {
    let asked = RefCell::default();
    let look =
        |wasm: &WasmSettings, subscription: &Subscription| inspect(wasm, subscription, &asked);
    let config = load(file, &ProcessEnvironment, &look)?;
    Ok((config, asked.into_inner()))
}

/// The faults of a subscription's components.
fn inspect(
    wasm: &WasmSettings,
    subscription: &Subscription,
    asked: &RefCell<ComponentTopics>,
) -> Vec<Fault> {
    let (what, key) = if let Err(error) = composition(subscription) {
        let what = error.to_string();
        let key = key_of(subscription, &error, &what);
        (what, key)
    } else if let Some(Err(error)) = subscription.handler().map(handler) {
        (error.to_string(), "to".into())
    } else {
        match topics(wasm, subscription) {
            Ok(topics) => {
                let name = subscription.name.clone();
                asked.borrow_mut().insert(name, topics);
                return Vec::new();
            }
            Err(error) => (error.to_string(), "topics".into()),
        }
    };
    let location = subscription.location(&key).cloned();
    vec![Fault::new(location, what, None::<String>)]
}

fn topics(
    wasm: &WasmSettings,
    subscription: &Subscription,
) -> Result<Vec<TopicPattern>, SubscriptionError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a thread can wait for itself");
    runtime.block_on(host::topics(wasm, subscription))
}

/// The key that an error is about.
fn key_of(subscription: &Subscription, error: &SubscriptionError, what: &str) -> String {
    use ComposeError::{SendsNothing, SendsToOne};
    match error {
        SubscriptionError::Compose(SendsNothing { .. } | SendsToOne { .. }) => "endpoints".into(),
        _ => part_of(&subscription.components, what),
    }
}

/// The key of the component that an error is about: the first that it names.
fn part_of(parts: &Components, what: &str) -> String {
    let named = |file: &PathBuf| what.find(&file.display().to_string());
    let files = parts.files().iter().enumerate();
    let first = files
        .filter_map(|(n, file)| named(file).map(|at| (at, n)))
        .min();
    match (parts, first) {
        (Components::Adapter, _) => "to".into(),
        (Components::Component(_), _) => "component".into(),
        (Components::Chain(_), Some((_, n))) => format!("chain.{n}"),
        (Components::Chain(_), None) => "chain".into(),
    }
}
