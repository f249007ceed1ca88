//! `bridge-host adapter`: the built-in components as files, for wac.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{output, report};
use crate::compose::{ADAPTER, ASYNC_ADAPTER, CLIENT_AS_HANDLER};

/// Write the built-in adapter to a file, to compose with it elsewhere
#[derive(clap::Args)]
pub(super) struct Args {
    /// Which one
    #[arg(long, value_enum, default_value_t = Kind::Forward)]
    kind: Kind,
    /// The file to write; - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// Messages become requests, over wasi:http 0.2
    Forward,
    /// Messages become requests to the wasi:http 0.3 handler that it is composed with
    ForwardAsync,
    /// What such an adapter is composed with where requests go to the network:
    /// it offers wasi:http/client as wasi:http/handler
    ClientAsHandler,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let bytes = match args.kind {
        Kind::Forward => ADAPTER,
        Kind::ForwardAsync => ASYNC_ADAPTER,
        Kind::ClientAsHandler => CLIENT_AS_HANDLER,
    };
    match output::write(&args.output, bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}
