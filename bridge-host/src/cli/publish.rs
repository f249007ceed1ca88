//! `bridge-host publish`: messages to a running bridge, or to a broker, from an
//! argument, a file or standard input, one or many.

mod answer;
mod line;
mod progress;
mod send;
mod source;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::CommandFactory;
use clap::error::ErrorKind;
use http::Uri;

use super::output::OutputError;
use super::report;
use super::token::{self, TokenError};
use crate::broker::OpenError;
use crate::config::{self, Connection, Fault, ProcessEnvironment};
use crate::http::SettingsError;
use progress::Progress;
use source::Source;
use target::{Bridge, Target};

/// Publish messages to a running bridge, or to a broker
#[derive(clap::Args)]
#[command(
    after_help = "With --ndjson each line is a message: {\"topic\": …, \"data\": …}, and where \
wanted \"id\", \"content-type\", \"metadata\"; bytes stand in \"data_base64\" in place of \"data\"."
)]
pub(super) struct Args {
    /// The topic; with --ndjson, that of lines which have none
    #[arg(value_name = "TOPIC", required_unless_present = "ndjson")]
    topic: Option<String>,
    /// The data; without it, standard input
    #[arg(value_name = "DATA", conflicts_with_all = ["file", "ndjson"])]
    data: Option<String>,
    /// The data is in this file
    #[arg(long, value_name = "FILE", conflicts_with = "ndjson")]
    file: Option<PathBuf>,
    /// Many messages, one a line; - for standard input
    #[arg(long, value_name = "FILE")]
    ndjson: Option<PathBuf>,
    /// Each line of --ndjson is the data of a message, whatever it is
    #[arg(long, requires_all = ["ndjson", "topic"])]
    raw_lines: bool,
    /// The media type of the data
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Published twice under the same id, it is delivered once; made up by default
    #[arg(long, conflicts_with = "ndjson")]
    id: Option<String>,
    /// An entry of metadata; repeat it for more
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    metadata: Vec<(String, String)>,
    /// Where the bridge takes messages
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8484")]
    to: Uri,
    /// The bridge's token is in this file
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Publish to this connection's broker itself, in place of a bridge
    #[arg(long, value_name = "NAME", conflicts_with_all = ["to", "token_file"])]
    connection: Option<String>,
    /// The config that has the connection
    #[arg(long, value_name = "FILE", requires = "connection", default_value = config::DEFAULT_FILE)]
    config: PathBuf,
    /// Try again until every message is taken, also while no bridge runs
    #[arg(long)]
    wait: bool,
    /// For machines: what became of it as one JSON object
    #[arg(long)]
    json: bool,
}

/// Why nothing, or not everything, was published.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read {}: {}", .0.display(), .1)]
    Read(PathBuf, std::io::Error),
    #[error("cannot read standard input: {0}")]
    Stdin(std::io::Error),
    #[error("nothing to publish: give the data as an argument, with --file, or on standard input")]
    NoData,
    #[error("{0:?} is no message id: {1}")]
    Id(String, crate::message::IdError),
    #[error("{0} is no bridge: a URL such as http://127.0.0.1:8484 is expected")]
    To(Uri),
    #[error(
        "no bridge listens at {0}: start one with `bridge-host run`, or with `bridge-host forward TOPIC URL`; --wait waits for it"
    )]
    NobodyListens(Uri),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Client(#[from] SettingsError),
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Unanswered(crate::http::HttpError),
    #[error("no connection is named {0:?}; the config has {1}")]
    NoConnection(String, String),
    #[error("the connection {0:?} cannot be opened: {1}")]
    Open(String, OpenError),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("not published: {0}, of {1} lines")]
    Failed(u64, u64),
}

pub(super) fn run(args: Args) -> ExitCode {
    let describes = args.content_type.is_some() || !args.metadata.is_empty();
    if args.ndjson.is_some() && describes && !args.raw_lines {
        let text = "with --ndjson, content-type and metadata stand in each line; --raw-lines takes them from here";
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

/// What the config says of the connection that is named, or those there are.
type Found = Result<(String, Connection), Error>;

fn connection(args: &Args) -> Result<Option<Found>, Vec<Fault>> {
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
        Ok(opened) => Ok(Target::Broker(opened.broker)),
        Err(error) => Err(Error::Open(name, error)),
    }
}

fn publish(args: &Args, connection: Option<Found>) -> Result<(), Error> {
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
    // A thread may still wait for standard input, which nobody will write to.
    runtime.shutdown_background();
    sent?;
    failed
}

impl Args {
    fn command_for_errors() -> clap::Command {
        #[derive(clap::Parser)]
        #[command(name = "bridge-host publish")]
        struct Alone {
            #[command(flatten)]
            _args: Args,
        }
        Alone::command()
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is expected")?;
    Ok((key.into(), value.into()))
}
