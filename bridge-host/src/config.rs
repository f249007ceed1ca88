//! What the user configured: each room's own settings, collected, checked,
//! and with the places of the file that they came from. Nothing is opened or
//! bound here.

mod component;
mod connections;
mod endpoint;
mod endpoint_form;
mod endpoint_keys;
mod endpoint_show;
mod endpoints;
mod fit;
mod forward;
mod grants;
mod handler;
mod http;
mod inspect;
mod letters;
mod letters_fit;
mod listeners;
mod load;
mod loops;
mod parts;
mod process;
mod read;
mod replies;
mod show;
mod subscription;
mod subscriptions;
mod top;

pub use endpoint::Endpoint;
pub use handler::Handler;
pub use inspect::Inspect;
pub use letters::LettersTo;
pub use load::{DEFAULT_FILE, ProcessEnvironment, load};
pub use loops::{AskedTopics, Loop, loops};
pub use parts::Parts;
pub use process::{CacheFolder, Log, LogFormat, Shutdown, WasmSettings};
pub use read::CONFIG;
pub use replies::ReplyTo;
pub use show::ShownSection;
pub use subscription::Subscription;

use std::collections::BTreeMap;

pub use crate::broker::Connection;
use crate::delivery::DeliverySettings;
pub use crate::schema::{Environment, Fault, Place, Text, show_duration, show_rate, show_size};
use crate::{admin, ingest};

/// The connection that is always there.
pub const EMBEDDED: &str = crate::broker::LOCAL;

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
    pub wasm: WasmSettings,
    /// How requests go to endpoints on the network.
    pub http: crate::http::Settings,
    /// How the bridge ends.
    pub shutdown: Shutdown,
    /// What holds for the deliveries of all subscriptions.
    pub delivery: DeliverySettings,
    /// By name; [`EMBEDDED`] is always among them.
    pub connections: BTreeMap<String, Connection>,
    /// In the order of the file; their names are unique.
    pub subscriptions: Vec<Subscription>,
}
