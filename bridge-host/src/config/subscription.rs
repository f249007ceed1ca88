//! One subscription as the rooms below take it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::endpoint::Endpoint;
use super::fault::Place;
use super::handler::Handler;
use super::letters::LettersTo;
use super::replies::ReplyTo;
use super::text::Text;
use crate::broker::Start;
use crate::broker::nats::Consumer;
use crate::delivery::Policy;
use crate::guest::Limits;
use crate::message::TopicPattern;

/// Topics, components, endpoint, and how to deliver.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Unique; letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The name of a connection that there is.
    pub from: String,
    /// `None` leaves it to what the component's `subscribe` returns.
    pub topics: Option<Vec<TopicPattern>>,
    /// Where it begins, if its broker does not know it; `None` is the default.
    pub start: Option<Start>,
    /// What a message goes through.
    pub parts: Parts,
    /// Who receives; `None` only for components that need nobody.
    pub endpoint: Option<Endpoint>,
    /// Whom the names stand for that its component connects to.
    pub endpoints: Vec<(String, Endpoint)>,
    /// Where the endpoint's responses are published.
    pub reply_to: Option<ReplyTo>,
    /// Where dead letters are published; `None` leaves them to the broker, or
    /// to the local store.
    pub dead_letters: Option<LettersTo>,
    /// How often, how long, how many at once.
    pub policy: Policy,
    /// How many threads share its messages, on this host; at least 1.
    pub threads: usize,
    /// What components read through `wasi:config/store`, the endpoint's
    /// settings apart.
    pub settings: Vec<(String, Text)>,
    /// Which hosts and networks components may reach, the endpoint apart.
    pub allow: Vec<String>,
    /// What one instance may use.
    pub limits: Limits,
    /// How much its pending messages and dead letters may take in the embedded
    /// broker, in bytes.
    pub quota: Option<u64>,
    /// How it takes messages from JetStream, where that is said.
    pub consumer: Option<Consumer>,
    pub(super) places: BTreeMap<String, Place>,
}

/// The components of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Parts {
    /// The built-in adapter alone.
    Adapter,
    /// Components in front of the adapter, the first one first.
    Chain(Vec<PathBuf>),
    /// One component, made whole elsewhere.
    Component(PathBuf),
}

impl Parts {
    /// The files of components.
    pub fn files(&self) -> &[PathBuf] {
        match self {
            Self::Adapter => &[],
            Self::Chain(files) => files,
            Self::Component(file) => std::slice::from_ref(file),
        }
    }
}

impl Subscription {
    /// What its components read through `wasi:config/store`: the endpoints'
    /// settings, then the user's own. With secrets in it.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let endpoint = self.endpoint.iter().flat_map(Endpoint::pairs);
        let named = self.endpoints.iter();
        let named = named.flat_map(|(name, endpoint)| endpoint.pairs_named(name));
        let own = self.settings.iter();
        let own = own.map(|(key, value)| (key.clone(), value.expose().to_string()));
        endpoint.chain(named).chain(own).collect()
    }

    /// The HTTP handler that is its endpoint.
    pub fn handler(&self) -> Option<&Handler> {
        self.endpoint.as_ref()?.handler.as_ref()
    }

    /// Where a key of it stands in the file, or else its name: `topics`, `to`,
    /// `component`, `chain`, and `chain.0` for the chain's first component.
    pub fn place(&self, key: &str) -> Option<&Place> {
        self.places.get(key).or_else(|| self.places.get("name"))
    }
}
