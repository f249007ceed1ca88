//! `bridge-host inspect`: shows what a component is, its possible uses, and what it can
//! reach, from its bytes. It neither compiles nor runs the component.

mod facts;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use super::{output, report};
use crate::files;
use crate::guest::contract::ContractError;
use crate::printable::printable_lines;
use facts::Facts;

/// Show what a component is, how to use it, and what it can reach
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host inspect orders.wasm")]
pub(super) struct Args {
    /// The component
    component: PathBuf,
    /// Print JSON, with all functions
    #[arg(long)]
    json: bool,
}

/// Why the component cannot be inspected.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read {}: {}", .0.display(), .1)]
    Read(PathBuf, std::io::Error),
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error(transparent)]
    Output(#[from] output::OutputError),
}

pub(super) fn run(args: &Args) -> ExitCode {
    let shown = facts(args).and_then(|facts| {
        let text = match args.json {
            true => output::json_text(&serde_json::json!(facts), true),
            false => printable_lines(&text::Text(&facts).to_string()).into_owned(),
        };
        Ok(output::text(&text)?)
    });
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

fn facts(args: &Args) -> Result<Facts, Error> {
    let path = &args.component;
    let bytes = files::read(path, files::MAX_COMPONENT)
        .map_err(|error| Error::Read(path.clone(), error))?;
    Ok(Facts::of(&path.display().to_string(), &bytes)?)
}
