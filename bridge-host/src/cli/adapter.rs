//! `bridge-host adapter`: a built-in adapter as a file, for wac.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{output, report};
use crate::compose::{ADAPTER, PRODUCE, PRODUCE_BY_NAME, SHELL};

/// Write a built-in adapter to a file, to compose with it elsewhere
#[derive(clap::Args)]
pub(super) struct Args {
    /// The file to write; - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Which one
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Kind {
    /// Takes messages: the last of a chain
    #[default]
    Forward,
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
