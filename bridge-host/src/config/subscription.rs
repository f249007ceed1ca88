//! Declares the keys of a subscription. Checks between its keys are in `subscriptions`.

use std::collections::BTreeMap;

use super::component_access::{ALLOW, SETTINGS};
use super::components::Components;
use super::dead_letters::DeadLetterTarget;
use super::endpoint::Endpoint;
use super::endpoint_form::ENDPOINT;
use super::endpoints::ENDPOINTS;
use super::handler::Handler;
use super::replies::ReplyTo;
use crate::broker::{Options, PlannedSubscription, Start};
use crate::delivery::Policy;
use crate::guest::Limits;
use crate::guest::contract::HttpInterface;
use crate::message::TopicPattern;
use crate::schema::{
    Declaration, Rejection, Shape, SourceLocation, Text, choice, connection, integer, list, quote,
    table, text, topic_pattern,
};
use crate::settings;

/// How `topics` are written, for errors.
pub(super) const TOPICS_HELP: &str =
    "a list of patterns: topics = [\"orders.>\"]; `*` matches one word, `>` all words that follow";

const NAME: Declaration<String> = text(&Shape {
    name: "name",
    pattern: None,
    check: check_name,
    help: "use letters, digits, `-`, `_` and `.`",
});

settings! {
    /// Topics, components, endpoint, and how to deliver.
    #[derive(Clone, Debug)]
    pub struct Subscription in "the subscription" {
        /// Unique; letters, digits, `-`, `_` and `.`. The broker keeps the subscription's position under this
        /// name. With a new name the subscription begins again, as `start` says, and the broker keeps messages
        /// for the old name until you run `bridge-host ledger forget NAME`. At startup, the bridge warns of names
        /// that are in the store but not in the config; so does `bridge-host check`.
        name: String = NAME.required("name it: name = \"orders\"; the broker keeps the subscription's position under this name");
        /// The connection that messages come from.
        from: String = connection().default("\"embedded\"");
        /// The components that handle a message.
        components: Components;
        /// Patterns of topics: `*` matches one whole word, `>` at the end all remaining words. `#`, `**`, `+` and
        /// wildcards within a word are refused. Required without `chain` and `component`.
        topics: Option<Vec<TopicPattern>> = list(&topic_pattern(), TOPICS_HELP)
            .optional("what the component's `subscribe` returns");
        /// Which stored messages a new subscription receives: `"all"`, `"new"` for none of them, `"last"` for the
        /// last one on its topics, `"last_per_topic"` for the last one on each topic. See
        /// [where a subscription begins](#where-a-subscription-begins). Core NATS stores no messages: there it is always `"new"`.
        start: Option<Start> = choice().optional("`\"all\"`");
        /// The endpoint: a URL, or a table with the keys of `to`. Required without `chain` and `component`. A chain
        /// with `to` ends in the adapter. The endpoint receives what the last component forwards. If that
        /// component forwards nothing, the endpoint receives what the chain publishes.
        "to" endpoint: Option<Endpoint> = ENDPOINT.optional("none");
        /// The endpoint for what the component publishes to a connection of this name: a URL, or a table with the
        /// keys of `to` except those for handlers; see [publish from a component](../guides/publish-from-a-component.md).
        endpoints: BTreeMap<String, Endpoint> = ENDPOINTS.or_empty("none");
        /// Publishes the endpoint's responses, see [HTTP handlers](../guides/http-handlers.md): `{ topic = "replies" }`.
        reply_to: Option<ReplyTo> = table().optional("none");
        /// Publishes dead letters to a topic on JetStream or Redis, see [dead letters](../guides/dead-letters.md):
        /// `{ connection = "events", topic = "dead.orders" }`.
        dead_letters: Option<DeadLetterTarget> = table().optional("the broker's own, or the local store");
        /// Attempts, time limits and concurrency.
        policy: Policy;
        /// Threads of this host that share its messages, each with a part of `max_in_flight`; at most one per
        /// core, see [threads](#on-several-threads).
        threads: usize = integer().default("1");
        /// Names and values for components, which read them through `wasi:config/store`; values are strings, or
        /// secrets. Names that begin with `to.` are reserved for the endpoint.
        settings: Vec<(String, Text)> = SETTINGS.or_empty("none");
        /// The hosts that components may reach besides the endpoints: host names, `*.suffix`, IP addresses and CIDR
        /// blocks, each with `:port` to allow a single port. Private and link-local addresses are refused unless
        /// the address, or a block that contains it, is listed. The addresses of cloud metadata services are
        /// refused unless the address itself is listed.
        allow: Vec<String> = ALLOW.or_empty("none");
        /// The limits of one instance.
        limits: Limits = table().default("{}");
        /// The options for its type of broker.
        options: Options;
        /// The locations of its keys in the file.
        locations: BTreeMap<String, SourceLocation> => BTreeMap::new();
    }
}

fn check_name(name: &str) -> Result<(), Rejection> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match !name.is_empty() && name.chars().all(legal) {
        true => Ok(()),
        false => Err(format!("{} is not a valid name for a subscription", quote(name)).into()),
    }
}

impl Subscription {
    /// Returns the pairs that its components read through `wasi:config/store`: the settings
    /// of the endpoints, then the user's settings. Contains secrets.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let endpoint = self.endpoint.iter().flat_map(Endpoint::pairs);
        let named = self.endpoints.iter();
        let named = named.flat_map(|(name, endpoint)| endpoint.pairs_named(name));
        let own = self.settings.iter();
        let own = own.map(|(key, value)| (key.clone(), value.expose().to_string()));
        endpoint.chain(named).chain(own).collect()
    }

    /// Returns the settings that its broker checks.
    pub fn candidate(&self) -> PlannedSubscription<'_> {
        PlannedSubscription {
            name: &self.name,
            from: &self.from,
            topics: self.topics.as_deref().unwrap_or_default(),
            start: self.start,
            ordered: self.policy.ordered(),
            max_in_flight: self.policy.max_in_flight,
            options: &self.options,
        }
    }

    /// Returns the HTTP handler that is its endpoint, if it is one.
    pub fn handler(&self) -> Option<&Handler> {
        self.endpoint.as_ref()?.handler.as_ref()
    }

    /// Returns the limits of its HTTP handler, which has its own key for `reuse`.
    pub fn handler_limits(&self, face: HttpInterface) -> Limits {
        let reuse = self.handler().is_some_and(|handler| handler.reuses(face));
        Limits {
            reuse,
            ..self.limits.clone()
        }
    }

    /// Returns the location of a key in the file, or else that of `name`. `chain.0` is the
    /// first component of the chain.
    pub fn location(&self, key: &str) -> Option<&SourceLocation> {
        self.locations
            .get(key)
            .or_else(|| self.locations.get("name"))
    }
}
