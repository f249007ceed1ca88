//! `bridge-host receive`: an endpoint that shows what arrives, and fails or
//! dawdles when told to.

mod behaviour;
mod counts;
mod record;
mod server;
mod show;
mod view;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use http::StatusCode;

use super::report;
use behaviour::{Delay, Percent};

/// Show what arrives at an endpoint; fail or dawdle on demand
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:9000")]
    address: SocketAddr,
    /// Answer after this time (10ms) or after a random time in a range (5ms..50ms)
    #[arg(long, value_name = "TIME")]
    delay: Option<Delay>,
    /// Let this share of the requests fail, such as 10%
    #[arg(long, value_name = "SHARE")]
    fail: Option<Percent>,
    /// Let the first N requests fail
    #[arg(long, value_name = "N", default_value_t = 0)]
    fail_first: u64,
    /// The status of the answers to failing requests
    #[arg(long, value_name = "STATUS", default_value = "503", value_parser = status)]
    status: StatusCode,
    /// Send Retry-After with the first failure
    #[arg(long, value_name = "TIME", value_parser = duration)]
    retry_after: Option<Duration>,
    /// Show each message whole: topic, metadata, data
    #[arg(long)]
    body: bool,
    /// Show only the count at the end
    #[arg(long, conflicts_with_all = ["body", "json"])]
    quiet: bool,
    /// Print one JSON object on each line, for programs
    #[arg(long)]
    json: bool,
    /// Append one JSON object for each request to this file: id, topic, status, sha256, length, at
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Write each body to this folder, under the message's id
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
}

/// Why it does not listen.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot listen on {0}: {1}; --address chooses another")]
    Listen(SocketAddr, io::Error),
    #[error("cannot write to {}: {}", .0.display(), .1)]
    Write(PathBuf, io::Error),
    #[error("cannot start: {0}")]
    Start(io::Error),
}

pub(super) fn run(args: Args) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report::failure(&Error::Start(error)),
    };
    match runtime.block_on(server::serve(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

fn status(text: &str) -> Result<StatusCode, String> {
    let status: Option<StatusCode> = text.parse().ok();
    status
        .filter(|status| status.as_u16() >= 200)
        .ok_or_else(|| "a status from 200 to 999 is expected".into())
}

fn duration(text: &str) -> Result<Duration, String> {
    mapping::parse_duration(text).map_err(|error| error.to_string())
}
