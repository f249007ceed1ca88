//! The arguments of `bridge-host receive`. How their values are written is
//! `values`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;

use super::values::{Delay, Percent, duration, status};

/// Show what arrives at an endpoint; fail or dawdle on demand
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:9000")]
    pub(super) address: SocketAddr,
    /// Answer after this time (10ms) or after a random time in a range (5ms..50ms)
    #[arg(long, value_name = "TIME")]
    pub(super) delay: Option<Delay>,
    /// Let this share of the requests fail, such as 10%
    #[arg(long, value_name = "SHARE")]
    pub(super) fail: Option<Percent>,
    /// Let the first N requests fail
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) fail_first: u64,
    /// The status of the answers to failing requests
    #[arg(long, value_name = "STATUS", default_value = "503", value_parser = status)]
    pub(super) status: StatusCode,
    /// Send Retry-After with the first failure
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) retry_after: Option<Duration>,
    /// Show each message whole: topic, metadata, data
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
