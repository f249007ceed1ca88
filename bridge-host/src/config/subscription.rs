//! One subscription: its keys, and the struct that the rooms below take. What
//! has to fit between its keys is `subscriptions`.

use std::collections::BTreeMap;

use super::endpoint::Endpoint;
use super::endpoint_form::ENDPOINT;
use super::endpoints::ENDPOINTS;
use super::grants::{ALLOW, SETTINGS};
use super::handler::Handler;
use super::letters::LettersTo;
use super::parts::Parts;
use super::replies::ReplyTo;
use crate::broker::{Candidate, Options, Start};
use crate::delivery::Policy;
use crate::guest::Limits;
use crate::guest::contract::HttpFace;
use crate::message::TopicPattern;
use crate::schema::{
    Of, Place, Rejection, Shape, Text, choice, connection, integer, list, quote, table, text,
    topic_pattern,
};
use crate::settings;

/// How `topics` are written, for those who wrote something else.
pub(super) const TOPICS_HELP: &str =
    "a list of patterns: topics = [\"orders.>\"]; * is one word, > is all that follow";

const NAME: Of<String> = text(&Shape {
    name: "name",
    pattern: None,
    check: check_name,
    help: "a name is made of letters, digits, `-`, `_` and `.`",
});

settings! {
    /// Topics, components, endpoint, and how to deliver.
    #[derive(Clone, Debug)]
    pub struct Subscription in "the subscription" {
        /// Unique; letters, digits, `-`, `_` and `.`. The broker keeps the subscription's position under this
        /// name. With a new name the subscription begins again, as `start` says, and the broker keeps messages
        /// for the old name until you run `bridge-host ledger forget NAME`. At startup, the bridge warns of names
        /// that are in the store but not in the config; so does `bridge-host check`.
        name: String = NAME.required("name it: name = \"orders\"; its place in the queue is kept under that");
        /// The connection that messages come from.
        from: String = connection().default("\"embedded\"");
        /// What a message goes through.
        parts: Parts;
        /// Patterns: `*` is one whole word, `>` at the end stands for all words that remain. `#`, `**`, `+` and
        /// wildcards within a word are refused. Required for the adapter alone.
        topics: Option<Vec<TopicPattern>> = list(&topic_pattern(), TOPICS_HELP)
            .optional("what the component's `subscribe` returns");
        /// Which stored messages a new subscription gets: `"all"`, `"new"` for none of them, `"last"` for the
        /// last one on its topics, `"last_per_topic"` for the last one of each topic. See
        /// [where a subscription begins](#where-a-subscription-begins). Core NATS stores no messages: there it is always `"new"`.
        start: Option<Start> = choice().optional("`\"all\"`");
        /// Who receives: a URL, or a table as below. Required without `chain` and `component`. A chain with `to`
        /// ends in the adapter. It gets what the last component passes on, or, where that passes nothing on, what
        /// the chain sends.
        "to" endpoint: Option<Endpoint> = ENDPOINT.optional("none");
        /// Who receives what its component sends to a connection of this name: a URL, or a table as `to` has it,
        /// without `component`; see [publish from a component](../guides/publish-from-a-component.md).
        endpoints: BTreeMap<String, Endpoint> = ENDPOINTS.or_empty("none");
        /// Publishes what the endpoint answers, see [HTTP handlers](../guides/http-handlers.md): `{ topic = "replies" }`.
        reply_to: Option<ReplyTo> = table().optional("none");
        /// Publishes dead letters to a topic on JetStream or Redis, see [dead letters](../guides/dead-letters.md):
        /// `{ connection = "events", topic = "dead.orders" }`.
        dead_letters: Option<LettersTo> = table().optional("the broker's own, or the local store");
        /// How often, how long, how many at once.
        policy: Policy;
        /// Threads of this host that share its messages, each with a part of `max_in_flight`; at most one per
        /// core, see [threads](#on-several-threads).
        threads: usize = integer().default("1");
        /// Names and values for components, which read them through `wasi:config/store`; values are strings, or
        /// secrets. Names that begin with `to.` are reserved for the endpoint.
        settings: Vec<(String, Text)> = SETTINGS.or_empty("none");
        /// What components may reach besides the endpoints: host names, `*.suffix`, IP addresses, CIDR blocks,
        /// each with `:port` to allow a single port. Private and link-local addresses are refused unless the
        /// address, or a block that contains it, is listed. Metadata addresses are refused unless the address
        /// itself is listed.
        allow: Vec<String> = ALLOW.or_empty("none");
        /// What one instance may use.
        limits: Limits = table().default("{}");
        /// What depends on the kind of broker.
        options: Options;
        /// Where its keys are in the file.
        places: BTreeMap<String, Place> => BTreeMap::new();
    }
}

fn check_name(name: &str) -> Result<(), Rejection> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match !name.is_empty() && name.chars().all(legal) {
        true => Ok(()),
        false => Err(format!("{} is no name for a subscription", quote(name)).into()),
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

    /// The same, as its connection has to fit it.
    pub fn candidate(&self) -> Candidate<'_> {
        Candidate {
            name: &self.name,
            from: &self.from,
            topics: self.topics.as_deref().unwrap_or_default(),
            start: self.start,
            ordered: self.policy.ordered(),
            max_in_flight: self.policy.max_in_flight,
            options: &self.options,
        }
    }

    /// The HTTP handler that is its endpoint.
    pub fn handler(&self) -> Option<&Handler> {
        self.endpoint.as_ref()?.handler.as_ref()
    }

    /// Returns the limits of its HTTP handler, which has its own key for `reuse`.
    pub fn handler_limits(&self, face: HttpFace) -> Limits {
        let reuse = self.handler().is_some_and(|handler| handler.reuses(face));
        Limits {
            reuse,
            ..self.limits.clone()
        }
    }

    /// Where a key of it stands in the file, or else its name: `topics`, `to`,
    /// `component`, `chain`, and `chain.0` for the chain's first component.
    pub fn place(&self, key: &str) -> Option<&Place> {
        self.places.get(key).or_else(|| self.places.get("name"))
    }
}
