//! Builds the config of `bridge-host forward`: one subscription, without a file. Parsing
//! arguments stays out: `cli` does it.

use std::collections::BTreeMap;
use std::path::Path;

use mapping::EndpointError;
use sha2::{Digest, Sha256};

use super::{Components, Config, EMBEDDED, Endpoint, Fault, Log, Subscription, Text};
use crate::broker::{Options, embedded};
use crate::message::TopicPattern;
use crate::schema::{self, Environment};
use crate::{delivery, guest, ingest, store};

impl Config {
    /// Creates a config with one subscription and the defaults. The local store is in the
    /// folder `data`.
    pub fn forward(
        topics: &[String],
        url: &str,
        data: &Path,
        environment: &dyn Environment,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut read = Vec::new();
        for topic in topics {
            match TopicPattern::parse(topic) {
                Ok(pattern) => read.push(pattern),
                Err(error) => {
                    let help = "such as 'orders.new', 'orders.*', 'orders.>', in quotes";
                    faults.push(Fault::new(None, error.to_string(), Some(help)));
                }
            }
        }
        match endpoint(url) {
            Ok(endpoint) if faults.is_empty() => {
                Ok(Self::with(forward(read, endpoint), data, environment))
            }
            Ok(_) => Err(faults),
            Err(fault) => {
                faults.push(fault);
                Err(faults)
            }
        }
    }

    fn with(subscription: Subscription, data: &Path, environment: &dyn Environment) -> Self {
        let embedded = embedded::connection(store::Settings {
            path: data.into(),
            ..store::Settings::default()
        });
        Self {
            intake: ingest::Settings::default(),
            admin: None,
            log: Log::default(),
            http: crate::http::Settings::default(),
            wasm: schema::defaults_in(environment),
            shutdown: schema::defaults(),
            delivery: schema::defaults(),
            connections: BTreeMap::from([(EMBEDDED.into(), embedded)]),
            subscriptions: vec![subscription],
        }
    }
}

/// Returns the endpoint, or an error about the argument.
fn endpoint(url: &str) -> Result<Endpoint, Fault> {
    let (what, help) = match mapping::Endpoint::parse(url) {
        Ok(_) => match Endpoint::of(&Text::plain(url)) {
            Ok(endpoint) => return Ok(endpoint),
            // It is a valid URL, so only its length can be wrong.
            Err(_) => ("is too long".into(), None),
        },
        Err(EndpointError::UserInfo) => (
            "has a user or password in it".into(),
            Some("send credentials as headers, which need a config file: see `bridge-host run`"),
        ),
        Err(error) => (
            error.to_string(),
            Some("such as https://shop.example/hooks/orders"),
        ),
    };
    Err(Fault::new(None, format!("the URL {what}"), help))
}

fn forward(topics: Vec<TopicPattern>, endpoint: Endpoint) -> Subscription {
    Subscription {
        name: name(&topics),
        from: EMBEDDED.into(),
        topics: Some(topics),
        start: None,
        components: Components::Adapter,
        endpoint: Some(endpoint),
        endpoints: BTreeMap::new(),
        reply_to: None,
        dead_letters: None,
        policy: delivery::Policy::default(),
        threads: 1,
        settings: Vec::new(),
        allow: Vec::new(),
        limits: guest::Limits::default(),
        options: Options::default(),
        locations: BTreeMap::new(),
    }
}

/// Returns a name that depends on the topics only. The broker keeps the subscription's
/// position under it, so with a corrected URL the subscription continues at its position.
fn name(topics: &[TopicPattern]) -> String {
    let mut topics: Vec<_> = topics.iter().map(TopicPattern::as_str).collect();
    topics.sort_unstable();
    topics.dedup();
    let mut digest = Sha256::new();
    for topic in &topics {
        digest.update(topic);
        digest.update([0]);
    }
    let digest: String = digest.finalize()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let topic = topics.first().copied().unwrap_or_default();
    let parts = ["forward", topic, &digest].map(readable);
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// Returns the characters of a topic that a name may contain.
fn readable(text: &str) -> String {
    let legal = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let text: String = text.chars().filter(legal).take(40).collect();
    text.trim_matches('.').into()
}
