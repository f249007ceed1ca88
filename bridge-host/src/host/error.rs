//! Why the bridge does not start. Each names the part of the config it is about.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::broker::{BrokerError, OpenError};
use crate::compose::ComposeError;
use crate::guest::RuntimeError;
use crate::guest::contract::ContractError;
use crate::http::AllowError;
use crate::message::PatternError;

/// Why the bridge does not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A broker cannot be opened.
    #[error("the connection {name:?} cannot be opened")]
    Connection {
        /// As configured.
        name: String,
        /// What the broker says.
        source: OpenError,
    },
    /// Components cannot run at all.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Something is wrong with one subscription.
    #[error("the subscription {name:?} cannot run")]
    Subscription {
        /// As configured.
        name: String,
        /// What is wrong with it.
        source: Box<SubscriptionError>,
    },
    /// The intake's address is taken, or not ours.
    #[error(
        "cannot listen on {address}: is another bridge running? `intake.address` in the config chooses another"
    )]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The operator's address is taken, or not ours.
    #[error("cannot listen on {address} for operators: set another `admin.address` in the config")]
    ListenAdmin {
        /// As configured.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No thread to compile components or run subscriptions on.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The process cannot be told to stop.
    #[error("cannot wait for signals")]
    Signal(#[source] io::Error),
}

/// What is wrong with one subscription.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// A component's file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The component is none that handles messages.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The chain does not fit together.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// It cannot be compiled or linked.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The allow list has faults.
    #[error("`allow` cannot be used: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Allow(Vec<AllowError>),
    /// No topics in the config, and the component did not tell any.
    #[error(
        "no topics: name some in `topics`; where there are none, a component's own `subscribe` is asked, which {0}"
    )]
    NoTopics(String),
    /// The component asks for something that is no topic.
    #[error("the component's `subscribe` asks for {topic:?}: set `topics` instead")]
    Topic {
        /// What it asks for.
        topic: String,
        /// Why it is none.
        source: PatternError,
    },
    /// The topic for dead letters cannot be used.
    #[error("`dead_letters` cannot be used")]
    DeadLetters(#[source] BrokerError),
    /// The broker does not take the subscription.
    #[error("the broker does not take the subscription")]
    Subscribe(#[from] BrokerError),
}
