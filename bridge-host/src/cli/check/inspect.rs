//! Inspects the components of a config: whether they handle messages or answer requests,
//! whether a chain can be composed, and which topics they return if the config names none.
//! Checking the other settings is in `config`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::compose::ComposeError;
use crate::config::{
    ComponentTopics, Components, Config, Fault, ProcessEnvironment, Subscription, WasmSettings,
    load,
};
use crate::host::{self, SubscriptionError, composition, handler};
use crate::message::TopicPattern;

/// Loads a config and inspects its components. Returns the config and the topics that the
/// components returned.
pub(in crate::cli) fn inspected(file: &Path) -> Result<(Config, ComponentTopics), Vec<Fault>> {
    let component_topics = RefCell::default();
    let inspect = |wasm: &WasmSettings, subscription: &Subscription| {
        inspect(wasm, subscription, &component_topics)
    };
    let config = load(file, &ProcessEnvironment, &inspect)?;
    Ok((config, component_topics.into_inner()))
}

/// Returns the errors of a subscription's components.
fn inspect(
    wasm: &WasmSettings,
    subscription: &Subscription,
    component_topics: &RefCell<ComponentTopics>,
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
                component_topics.borrow_mut().insert(name, topics);
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
        .expect("a runtime on this thread needs no resources");
    runtime.block_on(host::topics(wasm, subscription))
}

/// Returns the key that an error concerns.
fn key_of(subscription: &Subscription, error: &SubscriptionError, what: &str) -> String {
    use ComposeError::{SendsNothing, SendsToOne};
    match error {
        SubscriptionError::Compose(SendsNothing { .. } | SendsToOne { .. }) => "endpoints".into(),
        _ => component_key(&subscription.components, what),
    }
}

/// Returns the key of the first component that an error names.
fn component_key(components: &Components, what: &str) -> String {
    let named = |file: &PathBuf| what.find(&file.display().to_string());
    let files = components.files().iter().enumerate();
    let first = files
        .filter_map(|(n, file)| named(file).map(|at| (at, n)))
        .min();
    match (components, first) {
        (Components::Adapter, _) => "to".into(),
        (Components::Component(_), _) => "component".into(),
        (Components::Chain(_), Some((_, n))) => format!("chain.{n}"),
        (Components::Chain(_), None) => "chain".into(),
    }
}
