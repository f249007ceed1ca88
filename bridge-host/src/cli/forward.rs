//! `bridge-host forward`: runs a bridge with one subscription, without a config file. Its
//! config is built in `config`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::token::{self, TokenError};
use super::{report, run};
use crate::broker::Start;
use tracing::Level;

use crate::config::{Config, Fault, ProcessEnvironment};
use crate::ingest;
use crate::listener::AccessRule;

/// Forward the messages on some topics to a URL, without a config file
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host forward 'orders.>' http://127.0.0.1:9000/hooks")]
pub(super) struct Args {
    /// The topics: `orders.new`, `orders.*` for one more word, `orders.>` for one or more further words
    topic: String,
    /// The URL to which each message is posted
    url: String,
    /// Further topics
    #[arg(long = "topic", value_name = "TOPIC")]
    more: Vec<String>,
    /// The address of the intake
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8484")]
    intake: SocketAddr,
    /// The file with the token of publishers; required if the intake's address is not loopback
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Which stored messages the subscription receives when it runs for the first time
    #[arg(long, value_name = "START", default_value = "all",
          value_parser = Start::CHOICES.map(|(name, _)| name))]
    start: String,
    /// The folder for messages
    #[arg(long, value_name = "FOLDER", default_value = "bridge-data")]
    data: PathBuf,
}

pub(super) fn run(args: &Args, level: Option<Level>) -> ExitCode {
    let topics: Vec<_> = std::iter::once(&args.topic)
        .chain(&args.more)
        .cloned()
        .collect();
    let intake = match intake(args) {
        Ok(intake) => intake,
        Err(error) => return report::failure(&error),
    };
    let mut faults = Vec::new();
    if AccessRule::is_open(intake.token.as_ref(), intake.address.ip()) {
        let what = format!("{} is open to other machines", intake.address);
        let help = "name a file with a token: --token-file FILE, or listen on 127.0.0.1";
        faults.push(Fault::new(None, what, Some(help)));
    }
    let config = Config::forward(&topics, &args.url, &args.data, &ProcessEnvironment);
    let mut config = match config.map_err(|more| faults.extend(more)) {
        Ok(config) if faults.is_empty() => config,
        _ => return report::arguments("forward", &faults),
    };
    config.intake = intake;
    let start = Start::CHOICES.iter().find(|(name, _)| *name == args.start);
    for subscription in &mut config.subscriptions {
        subscription.start = start.map(|(_, start)| *start);
    }
    run::start(&config, level)
}

fn intake(args: &Args) -> Result<ingest::Settings, TokenError> {
    Ok(ingest::Settings {
        address: args.intake,
        token: args.token_file.as_deref().map(token::read).transpose()?,
        ..ingest::Settings::default()
    })
}
