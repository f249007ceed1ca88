//! The arguments of `bridge-host receive`. How their values are written is
//! `values`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;

use super::values::{Delay, Percent, duration, status};

/// Serve an endpoint for tests that shows requests, and fails or delays answers on demand
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host receive --fail 10% --delay 5ms..50ms")]
pub(in crate::cli) struct Args {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:9000")]
    pub(super) address: SocketAddr,
    /// Answer after this time (10ms) or after a random time in a range (5ms..50ms)
    #[arg(long, value_name = "TIME")]
    pub(super) delay: Option<Delay>,
    /// Fail this share of the requests, such as 10%
    #[arg(long, value_name = "SHARE")]
    pub(super) fail: Option<Percent>,
    /// Fail the first N requests
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) fail_first: u64,
    /// The status of failed requests
    #[arg(long, value_name = "STATUS", default_value = "503", value_parser = status)]
    pub(super) status: StatusCode,
    /// Send a Retry-After with the first failure
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) retry_after: Option<Duration>,
    /// Show whole messages: topic, metadata and data
    #[arg(long)]
    pub(super) body: bool,
    /// Show only the count at the end
    #[arg(long, conflicts_with_all = ["body", "json"])]
    pub(super) quiet: bool,
    /// Print one JSON object on each line, for programs
    #[arg(long)]
    pub(super) json: bool,
    /// Append one JSON object for each request to this file: id, topic, status, sha256, length, at
    #[arg(long, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,
    /// Write each body to this folder, under the message's id
    #[arg(long, value_name = "FOLDER")]
    pub(super) save: Option<PathBuf>,
}
