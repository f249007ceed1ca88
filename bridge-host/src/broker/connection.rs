//! A configured connection of any kind of broker.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::{Broker, Capabilities, Configured, Descriptor, Opening, Options};

/// A configured connection.
#[derive(Clone, Debug)]
pub struct Connection {
    descriptor: &'static Descriptor,
    settings: Arc<dyn Configured>,
    subscriptions: BTreeMap<String, Options>,
}

impl Connection {
    /// A connection of this kind, with these settings.
    pub fn new(descriptor: &'static Descriptor, settings: Box<dyn Configured>) -> Self {
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
    pub fn settings(&self) -> &dyn Configured {
        &*self.settings
    }

    /// Adds the options of a subscription to this connection.
    pub fn add(&mut self, subscription: &str, options: Options) {
        self.subscriptions.insert(subscription.into(), options);
    }

    /// Opens the broker. A server that does not answer is not an error: the broker
    /// keeps trying to connect. `name` is the connection's name, for the log.
    pub async fn open(&self, name: &str) -> Result<Arc<dyn Broker>, OpenError> {
        let opening = Opening {
            name,
            subscriptions: &self.subscriptions,
        };
        self.settings.open(opening).await
    }
}

/// Why a broker cannot be opened: the error of its kind of broker.
#[derive(Debug)]
pub struct OpenError(Box<dyn Error + Send + Sync>);

impl OpenError {
    /// Wraps the error of a kind of broker.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
