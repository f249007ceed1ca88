//! `bridge-host adapter`: the built-in components as files, for wac.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{output, report};
use crate::compose::{
    ADAPTER, ASYNC_ADAPTER, CLIENT_AS_HANDLER, DRAFT_ADAPTER, PRODUCE, PRODUCE_BY_NAME, SHELL,
};

/// Write a built-in adapter to a file, to compose with it elsewhere
#[derive(clap::Args)]
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
    /// Takes messages: the last of a chain
    #[default]
    Forward,
    /// The same for asynchronous chains; it asks the wasi:http 0.3 handler that it is composed with
    ForwardAsync,
    /// The same for chains that speak the newest draft of wasi:messaging
    ForwardDraft,
    /// What the asynchronous adapter is composed with where its requests go to
    /// the network: it offers wasi:http/client as wasi:http/handler
    ClientAsHandler,
    /// Takes what a component sends, all of it for one endpoint
    Produce,
    /// Takes what a component sends, for the endpoint of the name that it connects to
    ProduceByName,
    /// Goes around a component that has the messages of produce-by-name
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
