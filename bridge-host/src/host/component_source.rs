//! The component of a subscription, read once and loaded on each of its threads, and the
//! topics that its `subscribe` returns. Composing and compiling stay out.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::code::{Compilation, ComponentCode, ComponentCodes, Role};
use super::error::SubscriptionError;
use crate::config::{Subscription, WasmSettings};
use crate::guest::contract::{self, HttpHandlerProfile};
use crate::guest::{
    CallResult, Component, Connections, Endpoint, Environment, HttpHandler, Permissions,
    ReplySettings, Runtime, Thread,
};
use crate::http::{self, AllowList};
use crate::message::TopicPattern;
use crate::printable::{beginning, printable};

/// How long a component's `subscribe` may take.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(30);

/// The most characters of a component's error that are shown.
const MAX_REASON: usize = 1000;

/// The component of a subscription before it is loaded, with its HTTP handler.
pub(super) struct ComponentSource {
    pub(super) subscription: Arc<Subscription>,
    runtime: Arc<Runtime>,
    connections: Arc<Connections>,
    code: ComponentCode,
    handler: contract::MessageHandlerProfile,
    /// The endpoint, if it is a component in this process.
    http: Option<(ComponentCode, HttpHandlerProfile)>,
}

impl ComponentSource {
    /// Reads and composes the files.
    pub(super) fn read(
        subscription: &Arc<Subscription>,
        runtime: &Arc<Runtime>,
        connections: &Arc<Connections>,
        codes: &ComponentCodes,
    ) -> Result<Self, SubscriptionError> {
        let (code, handler) = codes.messages(subscription)?;
        let http = subscription.handler().map(|it| codes.http(it));
        let http = http.transpose()?;
        Ok(Self {
            subscription: subscription.clone(),
            runtime: runtime.clone(),
            connections: connections.clone(),
            code,
            handler,
            http,
        })
    }

    /// Returns the components that have to be compiled.
    pub(super) fn compilations(&self) -> impl Iterator<Item = Compilation> {
        let messages = (&self.code, Role::Messages(self.handler));
        let http = self.http.as_ref();
        let http = http.map(|(code, answering)| (code, Role::Http(*answering)));
        [messages]
            .into_iter()
            .chain(http)
            .map(|(code, role)| Compilation {
                subscription: self.subscription.clone(),
                code: code.clone(),
                role,
            })
    }

    /// Returns a digest of the component and its settings, on which the topics that its
    /// `subscribe` returns depend.
    pub(super) fn digest(&self) -> String {
        let mut digest = Sha256::new_with_prefix(self.code.digest);
        for (key, value) in self.subscription.pairs() {
            for text in [key, value] {
                digest.update((text.len() as u64).to_le_bytes());
                digest.update(text);
            }
        }
        format!("{:x}", digest.finalize())
    }

    /// Loads the component for a thread, with its own instances.
    pub(super) fn component(&self, thread: Thread) -> Result<Component, SubscriptionError> {
        let subscription = &*self.subscription;
        let endpoint = subscription.endpoint.as_ref();
        let on_network = endpoint.filter(|it| it.handler.is_none());
        let named = subscription.endpoints.values();
        let endpoints = on_network.into_iter().chain(named);
        let allow = endpoints.fold(self.allow_list()?, |allow, it| allow.with_endpoint(&it.url));
        let environment = Environment {
            settings: subscription.pairs().into_iter().collect(),
            connections: self.connections.clone(),
            allow: Arc::new(allow),
            endpoint: self.endpoint(thread)?,
            permissions: Permissions::default(),
            limits: subscription.limits.clone(),
        };
        let (name, bytes) = (&subscription.name, &self.code.bytes);
        let runtime = &self.runtime;
        Ok(runtime.load(name, bytes, self.handler, environment, thread)?)
    }

    fn allow_list(&self) -> Result<AllowList, SubscriptionError> {
        AllowList::parse(&self.subscription.allow).map_err(SubscriptionError::Allow)
    }

    /// Returns the endpoint for the request hook. Returns `None` for an endpoint on the
    /// network whose responses are not published: the hook does not need it.
    fn endpoint(&self, thread: Thread) -> Result<Option<Arc<Endpoint>>, SubscriptionError> {
        let Some(endpoint) = &self.subscription.endpoint else {
            return Ok(None);
        };
        let handler = self.http_handler(thread)?;
        let reply_to = self.subscription.reply_to.as_ref();
        let needed = handler.is_some() || reply_to.is_some();
        Ok(needed.then(|| {
            Arc::new(Endpoint {
                settings: endpoint.settings.clone(),
                handler,
                replies: reply_to.map(|it| ReplySettings {
                    by: self.subscription.name.clone(),
                    topic: it.topic.clone(),
                    max_size: it.max_size,
                }),
            })
        }))
    }

    /// Loads the HTTP handler. It gets the user's `settings`, the hosts in `allow` and its
    /// `permissions`, but no connections.
    fn http_handler(&self, thread: Thread) -> Result<Option<HttpHandler>, SubscriptionError> {
        let handler = self.subscription.handler().zip(self.http.as_ref());
        let Some((handler, (code, answering))) = handler else {
            return Ok(None);
        };
        let settings = self.subscription.settings.iter();
        let environment = Environment {
            settings: settings
                .map(|(key, value)| (key.clone(), value.expose().to_owned()))
                .collect(),
            connections: Arc::default(),
            allow: Arc::new(self.allow_list()?),
            endpoint: None,
            permissions: handler.permissions.clone(),
            limits: self.subscription.handler_limits(answering.interface),
        };
        let stem = handler.file.file_stem().unwrap_or_default();
        let name = format!("{}/{}", self.subscription.name, stem.display());
        let loaded =
            self.runtime
                .load_handler(&name, &code.bytes, *answering, environment, thread)?;
        Ok(Some(loaded))
    }
}

/// Returns the topics of a subscription: from the config, or else from the `subscribe` of
/// its component, which is loaded for this call.
pub async fn topics(
    wasm: &WasmSettings,
    subscription: &Subscription,
) -> Result<Vec<TopicPattern>, SubscriptionError> {
    if let Some(topics) = &subscription.topics {
        return Ok(topics.clone());
    }
    let runtime = Runtime::new(&wasm.cache, wasm.memory, &http::Settings::default())?;
    let (subscription, runtime) = (Arc::new(subscription.clone()), Arc::new(runtime));
    let load = ComponentSource::read(
        &subscription,
        &runtime,
        &Arc::default(),
        &ComponentCodes::default(),
    )?;
    let component = load.component(Thread(0))?;
    ask_topics(&component).await
}

/// Describes a component whose `subscribe` returns no topics.
const NONE: &str = "returns none, or does not exist, as in the newest draft of wasi:messaging";

/// Returns the topics that the component's `subscribe` returns.
pub(super) async fn ask_topics(
    component: &Component,
) -> Result<Vec<TopicPattern>, SubscriptionError> {
    let topics = match component.subscribe(SUBSCRIBE_TIMEOUT).await {
        Ok(topics) => topics,
        Err(result) => return Err(SubscriptionError::NoTopics(describe(result))),
    };
    if topics.is_empty() {
        return Err(SubscriptionError::NoTopics(NONE.into()));
    }
    let parse = |topic: String| {
        TopicPattern::parse(&topic).map_err(|source| SubscriptionError::Topic {
            topic: beginning(&topic, MAX_REASON).into_owned(),
            source,
        })
    };
    topics.into_iter().map(parse).collect()
}

fn describe(result: CallResult) -> String {
    match result {
        CallResult::Ok => NONE.into(),
        CallResult::Timeout => "returns the error timeout".into(),
        CallResult::Connection(why) => format!("returns the error connection: {}", shorten(&why)),
        CallResult::Other(why) => format!("returns the error other: {}", shorten(&why)),
        CallResult::Failed(failure) => {
            format!("does not return: {}", shorten(&failure.to_string()))
        }
    }
}

/// Returns a component's error text, shortened and safe to print.
fn shorten(why: &str) -> String {
    printable(&beginning(why.trim(), MAX_REASON)).into_owned()
}
