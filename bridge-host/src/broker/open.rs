//! From a configured connection to an open broker: the only match on its type.

use std::sync::Arc;

use super::dead_letters::Source;
use super::embedded::{self, Embedded};
use super::{Broker, Capabilities, nats};
use crate::store::{self, StoreError};

/// A configured broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The one in this process.
    Embedded(store::Settings),
    /// Core NATS: at most once.
    Nats(nats::Settings),
    /// NATS JetStream.
    JetStream(Box<nats::JetStreamSettings>),
}

/// Why a broker cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder of an embedded one cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A NATS connection cannot even be tried.
    #[error(transparent)]
    Nats(#[from] nats::ConnectError),
}

impl Connection {
    /// What `type` says in a config.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Nats(_) => "nats",
            Self::JetStream(_) => "jetstream",
        }
    }

    /// What the broker will be able to do.
    pub fn capabilities(&self) -> Capabilities {
        match self {
            Self::Embedded(_) => embedded::CAPABILITIES,
            Self::Nats(_) => nats::CORE,
            Self::JetStream(_) => nats::JETSTREAM,
        }
    }

    /// The dead letters on these topics; `None` where none can be there.
    pub async fn letters(
        &self,
        name: &str,
        topics: Vec<String>,
    ) -> Result<Option<Box<dyn Source>>, nats::LettersError> {
        match self {
            Self::JetStream(settings) => {
                let letters = nats::Letters::open(name, settings, topics).await?;
                Ok(Some(Box::new(letters)))
            }
            Self::Embedded(_) | Self::Nats(_) => Ok(None),
        }
    }

    /// Opens it. A server that does not answer is no error: it is waited for.
    /// `name` is the connection's, for the log.
    pub async fn open(&self, name: &str) -> Result<Arc<dyn Broker>, OpenError> {
        Ok(match self {
            Self::Embedded(settings) => Arc::new(Embedded::open(settings.clone())?),
            Self::Nats(settings) => Arc::new(nats::Core::open(name, settings).await?),
            Self::JetStream(settings) => Arc::new(nats::JetStream::open(name, settings).await?),
        })
    }
}
