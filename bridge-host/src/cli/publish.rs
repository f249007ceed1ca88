//! `bridge-host publish`: publishes one or many messages, from an argument, a file or
//! standard input, to a bridge or to a broker. Sending them is in `send`.

mod answer;
mod args;
mod error;
mod line;
mod progress;
mod send;
mod source;
mod target;

use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;

use super::{report, token};
use crate::config::{self, Connection, Fault, ProcessEnvironment};
pub(super) use args::Args;
use error::Error;
use progress::Progress;
use source::Source;
use target::{Bridge, Target};

pub(super) fn run(args: Args) -> ExitCode {
    let describes = args.content_type.is_some() || !args.metadata.is_empty();
    if args.ndjson.is_some() && describes && !args.raw_lines {
        let text = "with --ndjson, each line has its own content-type and metadata; with --raw-lines, these options apply";
        Args::command_for_errors()
            .error(ErrorKind::ArgumentConflict, text)
            .exit();
    }
    let connection = match connection(&args) {
        Ok(connection) => connection,
        Err(faults) => return report::faults(&faults),
    };
    match publish(&args, connection) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

/// The connection with its name, or an error that lists the known names.
type NamedConnection = Result<(String, Connection), Error>;

fn connection(args: &Args) -> Result<Option<NamedConnection>, Vec<Fault>> {
    let Some(name) = &args.connection else {
        return Ok(None);
    };
    let mut config = config::load(&args.config, &ProcessEnvironment, &|_, _| Vec::new())?;
    Ok(Some(match config.connections.remove(name) {
        Some(connection) => Ok((name.clone(), connection)),
        None => {
            let known: Vec<_> = config.connections.into_keys().collect();
            Err(Error::NoConnection(name.clone(), known.join(", ")))
        }
    }))
}

async fn open((name, connection): (String, Connection)) -> Result<Target, Error> {
    match connection.open(&name).await {
        Ok(broker) => Ok(Target::Broker(broker)),
        Err(error) => Err(Error::Open(name, error)),
    }
}

fn publish(args: &Args, connection: Option<NamedConnection>) -> Result<(), Error> {
    let connection = connection.transpose()?;
    let token = args.token_file.as_deref().map(token::read).transpose()?;
    let source = Source::open(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let mut progress = Progress::new(source.is_many(), args.json);
    let sent = runtime.block_on(async {
        let target = match connection {
            Some(connection) => open(connection).await?,
            None => Target::Bridge(Arc::new(Bridge::new(&args.to, token)?)),
        };
        let sent = send::all(source, &target, args.wait, &mut progress).await;
        if let Target::Broker(broker) = target {
            broker.close().await;
        }
        sent
    });
    let failed = progress.end();
    // A thread may still wait for standard input, so it is not awaited.
    runtime.shutdown_background();
    sent?;
    failed
}
