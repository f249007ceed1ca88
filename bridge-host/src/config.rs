//! The config: collects the settings of all modules from a file, checks them, and keeps
//! their locations for errors. Opening and binding anything stays out.

mod component_access;
mod component_file;
mod components;
mod connections;
mod cross_checks;
mod dead_letter_checks;
mod dead_letters;
mod endpoint;
mod endpoint_form;
mod endpoint_keys;
mod endpoint_show;
mod endpoints;
mod forward;
mod handler;
mod http;
mod inspect;
mod listeners;
mod load;
mod loops;
mod optional_section;
mod process;
mod read;
mod replies;
mod show;
mod subscription;
mod subscriptions;

pub use components::Components;
pub use dead_letters::DeadLetterTarget;
pub use endpoint::Endpoint;
pub use handler::Handler;
pub use inspect::Inspect;
pub use load::{DEFAULT_FILE, ProcessEnvironment, load};
pub use loops::{ComponentTopics, Loop, loops};
pub use process::{CacheFolder, Log, LogFormat, Shutdown, WasmSettings};
pub use read::CONFIG;
pub use replies::ReplyTo;
pub use show::ShownSection;
pub use subscription::Subscription;

use std::collections::BTreeMap;

pub use crate::broker::Connection;
use crate::delivery::DeliverySettings;
pub use crate::schema::{
    Environment, Fault, SourceLocation, Text, show_duration, show_rate, show_size,
};
use crate::{admin, ingest};

/// The connection that every config has.
pub const EMBEDDED: &str = crate::broker::LOCAL;

/// All settings of a bridge.
#[derive(Clone, Debug)]
pub struct Config {
    /// The HTTP intake.
    pub intake: ingest::Settings,
    /// The listener for operators, if there is one.
    pub admin: Option<admin::Settings>,
    /// The log: its level and format.
    pub log: Log,
    /// Limits and folders that all components share.
    pub wasm: WasmSettings,
    /// How requests go to endpoints on the network.
    pub http: crate::http::Settings,
    /// How the bridge ends.
    pub shutdown: Shutdown,
    /// Settings for the deliveries of all subscriptions.
    pub delivery: DeliverySettings,
    /// The connections by name, [`EMBEDDED`] included.
    pub connections: BTreeMap<String, Connection>,
    /// The subscriptions, in the order of the file. Their names are unique.
    pub subscriptions: Vec<Subscription>,
}
