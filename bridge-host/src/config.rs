//! What the user configured: each room's own settings, collected, checked,
//! and with the places of the file that they came from. Nothing is opened or
//! bound here.

mod component;
mod connections;
mod endpoint;
mod endpoints;
mod fault;
mod fit;
mod flow;
mod forward;
mod grants;
mod handler;
mod http;
mod letters;
mod listeners;
mod load;
mod loops;
mod mask;
mod nats;
mod parts;
mod pem;
mod policy;
mod process;
mod read;
mod renamed;
mod replies;
mod section;
mod source;
mod subscription;
mod subscriptions;
mod suggest;
mod text;
mod units;
mod value;

pub use endpoint::Endpoint;
pub use fault::{Fault, Place};
pub use handler::Handler;
pub use letters::LettersTo;
pub use load::{DEFAULT_FILE, Environment, Inspect, ProcessEnvironment, load};
pub use loops::{AskedTopics, Loop, loops};
pub use replies::ReplyTo;
pub use subscription::{Parts, Subscription};
pub use text::Text;
pub use units::{show_duration, show_rate, show_size};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use crate::broker::Connection;
use crate::{admin, ingest};

/// The connection that is always there.
pub const EMBEDDED: &str = "embedded";

/// All that the bridge is told before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// The HTTP intake.
    pub intake: ingest::Settings,
    /// The listener for operators, where there is one.
    pub admin: Option<admin::Settings>,
    /// What is logged, and how.
    pub log: Log,
    /// What all components share.
    pub guests: Guests,
    /// How requests go to endpoints on the network.
    pub http: crate::http::Settings,
    /// How long deliveries under way may take to end at shutdown.
    pub drain: Duration,
    /// The most hops of a message from one subscription to another.
    pub max_hops: u32,
    /// By name; [`EMBEDDED`] is always among them.
    pub connections: BTreeMap<String, Connection>,
    /// In the order of the file; their names are unique.
    pub subscriptions: Vec<Subscription>,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// This and what is graver.
    pub level: tracing::Level,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: tracing::Level::INFO,
        }
    }
}

/// What all components of the process share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guests {
    /// Memory of all instances together, in bytes.
    pub memory: u64,
    /// The folder for compiled components.
    pub cache: PathBuf,
}

/// Memory of all instances together, unless told otherwise.
const GUEST_MEMORY: u64 = 4 << 30;
/// How long a shutdown may take, unless told otherwise.
const DRAIN: Duration = Duration::from_secs(20);
