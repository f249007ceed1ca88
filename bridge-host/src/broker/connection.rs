//! A configured connection, whatever its kind of broker is.

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

    /// Its kind of broker.
    pub fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    /// What `type` says in a config.
    pub fn kind(&self) -> &'static str {
        self.descriptor.name
    }

    /// What the broker will be able to do.
    pub fn capabilities(&self) -> Capabilities {
        self.descriptor.capabilities
    }

    /// What the user set.
    pub fn settings(&self) -> &dyn Configured {
        &*self.settings
    }

    /// Adds the options of a subscription to it.
    pub fn add(&mut self, subscription: &str, options: Options) {
        self.subscriptions.insert(subscription.into(), options);
    }

    /// Opens it. A server that does not answer is no error: it is waited for.
    /// `name` is the connection's, for the log.
    pub async fn open(&self, name: &str) -> Result<Arc<dyn Broker>, OpenError> {
        let opening = Opening {
            name,
            subscriptions: &self.subscriptions,
        };
        self.settings.open(opening).await
    }
}

/// Why a broker cannot be opened, as its kind of broker says it.
#[derive(Debug)]
pub struct OpenError(Box<dyn Error + Send + Sync>);

impl OpenError {
    /// The error of a kind of broker.
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
