//! The errors of a start. Each error names the part of the config that it concerns.
//! Printing errors stays out: `cli` does it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::broker::{BrokerError, OpenError};
use crate::compose::ComposeError;
use crate::guest::RuntimeError;
use crate::guest::contract::ContractError;
use crate::http::AllowEntryError;
use crate::message::PatternError;

/// Why the bridge does not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A broker cannot be opened.
    #[error("the connection {name:?} cannot be opened")]
    Connection {
        /// The name in the config.
        name: String,
        /// The error of the broker.
        source: OpenError,
    },
    /// The runtime for components cannot start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// One subscription cannot run.
    #[error("the subscription {name:?} cannot run")]
    Subscription {
        /// The name in the config.
        name: String,
        /// Why it cannot run.
        source: Box<SubscriptionError>,
    },
    /// The address of the intake is in use, or not an address of this machine.
    #[error(
        "cannot listen on {address}: is another bridge running? Set another `intake.address` in the config"
    )]
    Listen {
        /// The address in the config.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The address for operators is in use, or not an address of this machine.
    #[error("cannot listen on {address} for operators: set another `admin.address` in the config")]
    ListenAdmin {
        /// The address in the config.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// A thread for components or subscriptions cannot start.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The process cannot receive signals, so it could not be stopped.
    #[error("cannot wait for signals")]
    Signal(#[source] io::Error),
}

/// Why a subscription cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// A component's file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The component does not handle messages.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// The components of the chain cannot be composed.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// The component cannot be compiled or linked.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The allow list has errors.
    #[error("`allow` cannot be used: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Allow(Vec<AllowEntryError>),
    /// The config has no topics, and the component returned none.
    #[error(
        "the subscription has no topics: set `topics`. Without them the component's `subscribe` has to return some, and it {0}"
    )]
    NoTopics(String),
    /// The component returned something that is not a topic pattern.
    #[error(
        "the component's `subscribe` returns {topic:?}, which is not a topic pattern: set `topics` instead"
    )]
    Topic {
        /// What the component returned.
        topic: String,
        /// Why it is not a topic pattern.
        source: PatternError,
    },
    /// The topic for dead letters cannot be used.
    #[error("`dead_letters` cannot be used")]
    DeadLetters(#[source] BrokerError),
    /// The broker refused the subscription.
    #[error("the broker refused the subscription")]
    Subscribe(#[from] BrokerError),
}
