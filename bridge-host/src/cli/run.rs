//! `bridge-host run`: runs the bridge of a config until a signal stops it. What the bridge
//! does is in `host`.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::Level;

use super::{check, log, output, report};
use crate::config::{self, Components, Config, Log, Subscription};
use crate::host::{Host, HostError, too_few_descriptors};
use crate::printable::printable_lines;
use crate::trouble::descriptors;

/// Run the bridge that a config describes, until SIGINT or SIGTERM
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host run bridge.toml")]
pub(super) struct Args {
    /// The config file
    #[arg(default_value = config::DEFAULT_FILE)]
    config: PathBuf,
}

pub(super) fn run(args: &Args, level: Option<Level>) -> ExitCode {
    match check::inspected(&args.config) {
        Ok((config, _)) => start(&config, level),
        Err(faults) => report::faults(&faults),
    }
}

/// Runs the bridge, and returns how it ended. A `level` overrides the level of the
/// config.
pub(super) fn start(config: &Config, level: Option<Level>) -> ExitCode {
    log::start(Log {
        level: level.unwrap_or(config.log.level),
        ..config.log
    });
    descriptors::raise_limit();
    if let Some(warning) = too_few_descriptors(config, descriptors::limit()) {
        tracing::warn!("{warning}");
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report::failure(&error),
    };
    let ended = runtime.block_on(serve(config));
    // An aborted start may leave work behind, which is not awaited.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

async fn serve(config: &Config) -> Result<(), HostError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(HostError::Signal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(HostError::Signal)?;
    let hangup = signal(SignalKind::hangup()).map_err(HostError::Signal)?;
    tokio::spawn(ignore(hangup));
    let host = Host::bind(config).await?;
    let banner = banner(config, &host);
    tracing::info!(intake = %host.address(), "listening; starting");
    let shutdown = async move {
        let which = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        tracing::info!(
            signal = which,
            "draining; a second signal stops the bridge at once"
        );
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            // Unsettled messages are redelivered after the next start.
            std::process::exit(1);
        });
    };
    host.run(|| announce(&banner), shutdown).await
}

/// Prints that the bridge runs. If standard output is closed, the bridge runs without the
/// message.
fn announce(banner: &str) {
    if let Err(error) = output::text(banner) {
        tracing::warn!(%error, "the start message cannot be written to standard output");
    }
}

/// Ignores SIGHUP, which terminals send when they close, and tools to reload a config.
async fn ignore(mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        tracing::warn!(
            "SIGHUP is ignored: the bridge reads its config only at startup. Restart it to apply a change"
        );
    }
}

/// Returns the listeners and subscriptions, for people.
fn banner(config: &Config, host: &Host) -> String {
    let mut text = format!("bridge-host {}\n", env!("CARGO_PKG_VERSION"));
    let width = config.subscriptions.iter().map(|one| one.name.len()).max();
    let width = width.unwrap_or_default().max("intake".len());
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "  {:width$}  POST http://{}/topics/{{topic}}",
        "intake",
        host.address()
    );
    if let Some(address) = host.admin_address() {
        let _ = writeln!(
            text,
            "  {:width$}  GET http://{address}/healthz, /readyz, /ledger",
            "admin"
        );
    }
    for subscription in &config.subscriptions {
        let _ = writeln!(
            text,
            "  {:width$}  {}",
            subscription.name,
            route(subscription)
        );
    }
    printable_lines(&text).into_owned()
}

/// Returns the stations of a message in one subscription.
fn route(subscription: &Subscription) -> String {
    let topics = match &subscription.topics {
        Some(topics) => {
            let topics: Vec<_> = topics.iter().map(|topic| topic.as_str()).collect();
            topics.join(", ")
        }
        None => "the component's topics".into(),
    };
    let file = |path: &PathBuf| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let mut route = vec![topics];
    match &subscription.components {
        Components::Adapter => {}
        Components::Chain(files) => route.extend(files.iter().map(file)),
        Components::Component(component) => route.push(file(component)),
    }
    match (&subscription.endpoint, subscription.handler()) {
        (_, Some(handler)) => {
            let files = handler.middleware.iter().chain([&handler.file]);
            route.extend(files.map(file));
        }
        (endpoint, None) => route.extend(endpoint.iter().map(|it| it.shown.clone())),
    }
    let named = subscription.endpoints.iter();
    let named: Vec<_> = named.map(|(_, endpoint)| endpoint.shown.clone()).collect();
    route.extend((!named.is_empty()).then(|| named.join(", ")));
    route.join(" -> ")
}
