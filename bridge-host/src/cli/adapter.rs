//! `bridge-host adapter`: writes a built-in adapter to a file, to compose it with other
//! tools. The adapters are in `compose`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{output, report};
use crate::compose::{
    ADAPTER, ASYNC_ADAPTER, CLIENT_AS_HANDLER, DRAFT_ADAPTER, PRODUCE, PRODUCE_BY_NAME, SHELL,
};

/// Write a built-in adapter to a file, to compose it with other tools
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n    bridge-host adapter -o adapter.wasm\n    wac plug filter.wasm --plug adapter.wasm -o orders.wasm"
)]
pub(super) struct Args {
    /// The file to write; - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Which adapter to write
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Kind {
    /// Posts the messages that it handles: the last component of a chain
    #[default]
    Forward,
    /// As forward, for asynchronous chains; calls the wasi:http 0.3 handler that it is composed with
    ForwardAsync,
    /// As forward, for chains with the newest draft of wasi:messaging
    ForwardDraft,
    /// Sends the requests of forward-async to the network: provides wasi:http/client as wasi:http/handler
    ClientAsHandler,
    /// Posts what a component publishes, to one endpoint
    Produce,
    /// Posts what a component publishes, to the endpoint with the name of the connection
    ProduceByName,
    /// Wraps a component that is composed with produce-by-name
    Shell,
}

impl Kind {
    fn component(self) -> &'static [u8] {
        match self {
            Self::Forward => ADAPTER,
            Self::ForwardAsync => ASYNC_ADAPTER,
            Self::ForwardDraft => DRAFT_ADAPTER,
            Self::ClientAsHandler => CLIENT_AS_HANDLER,
            Self::Produce => PRODUCE,
            Self::ProduceByName => PRODUCE_BY_NAME,
            Self::Shell => SHELL,
        }
    }
}

pub(super) fn run(args: &Args) -> ExitCode {
    match output::write(&args.output, args.kind.component()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}
