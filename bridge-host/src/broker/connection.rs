//! A connection as the config describes it, of any kind of broker.
//!
//! `broker_settings` has the trait of its settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Broker, BrokerSettings, Capabilities, Descriptor, OpenContext, OpenError, Options};

/// A configured connection.
#[derive(Clone, Debug)]
pub struct Connection {
    descriptor: &'static Descriptor,
    settings: Arc<dyn BrokerSettings>,
    subscriptions: BTreeMap<String, Options>,
}

impl Connection {
    /// A connection of this kind, with these settings.
    pub fn new(descriptor: &'static Descriptor, settings: Box<dyn BrokerSettings>) -> Self {
        Self {
            descriptor,
            settings: settings.into(),
            subscriptions: BTreeMap::new(),
        }
    }

    /// Returns its kind of broker.
    pub fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    /// Returns its `type` in the config.
    pub fn kind(&self) -> &'static str {
        self.descriptor.name
    }

    /// Returns the capabilities of the broker.
    pub fn capabilities(&self) -> Capabilities {
        self.descriptor.capabilities
    }

    /// Returns the settings.
    pub fn settings(&self) -> &dyn BrokerSettings {
        &*self.settings
    }

    /// Adds the options of a subscription to this connection.
    pub fn add(&mut self, subscription: &str, options: Options) {
        self.subscriptions.insert(subscription.into(), options);
    }

    /// Opens the broker. A server that does not answer is not an error: the broker
    /// keeps trying to connect. `name` is the connection's name, for the log.
    pub async fn open(&self, name: &str) -> Result<Arc<dyn Broker>, OpenError> {
        let opening = OpenContext {
            name,
            subscriptions: &self.subscriptions,
        };
        self.settings.open(opening).await
    }
}
