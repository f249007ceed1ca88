//! `bridge-host adapter`: the built-in adapter as a file, for wac.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{output, report};
use crate::compose::ADAPTER;

/// Write the built-in adapter to a file, to compose with it elsewhere
#[derive(clap::Args)]
pub(super) struct Args {
    /// The file to write; - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(args: &Args) -> ExitCode {
    match output::write(&args.output, ADAPTER) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}
