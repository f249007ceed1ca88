//! `bridge-host forward`: the bridge from two arguments, without a file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{report, run};
use crate::config::{Config, Connection, EMBEDDED, ProcessEnvironment};

/// Forward the messages of some topics to a URL, without a config file
#[derive(clap::Args)]
pub(super) struct Args {
    /// Which topics: `orders.new`, `orders.*` for one more word, `orders.>` for all below
    topic: String,
    /// Where each message is posted to
    url: String,
    /// More topics
    #[arg(long = "topic", value_name = "TOPIC")]
    more: Vec<String>,
    /// Where the intake listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8484")]
    intake: SocketAddr,
    /// Where messages are kept
    #[arg(long, value_name = "FOLDER", default_value = "bridge-data")]
    data: PathBuf,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let topics: Vec<_> = std::iter::once(&args.topic)
        .chain(&args.more)
        .cloned()
        .collect();
    let mut config = match Config::forward(&topics, &args.url, &ProcessEnvironment) {
        Ok(config) => config,
        Err(faults) => return report::faults(&faults),
    };
    config.intake.address = args.intake;
    if let Some(Connection::Embedded(settings)) = config.connections.get_mut(EMBEDDED) {
        settings.path.clone_from(&args.data);
    }
    run::start(&config)
}
