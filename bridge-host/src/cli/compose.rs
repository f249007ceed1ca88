//! `bridge-host compose`: composes a chain into one component file. Composing is in
//! `compose`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{output, report};
use crate::compose::{ChainPart, ComposeError, compose_open, compose_to_http};
use crate::files;
use crate::guest::contract::{Contract, ContractError};
use crate::printable::printable_lines;

/// Compose components into one, as the config's `chain` does
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host compose filter.wasm enrich.wasm -o orders.wasm")]
pub(super) struct Args {
    /// The components, in the order in which a message passes through them
    #[arg(required = true, value_name = "COMPONENT")]
    components: Vec<PathBuf>,
    /// The file to write; - for standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Do not add the built-in adapter behind a last component that forwards messages, so
    /// that the result forwards them, too
    #[arg(long)]
    no_adapter: bool,
}

/// Why nothing was composed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read {}: {}", .0.display(), .1)]
    Read(PathBuf, std::io::Error),
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error(transparent)]
    Output(#[from] output::OutputError),
}

pub(super) fn run(args: &Args) -> ExitCode {
    match compose(args) {
        Ok(size) => {
            let to = args.output.display();
            output::note(&format!("{to}: one component of {size} bytes\n"));
            ExitCode::SUCCESS
        }
        Err(error) => report::failure(&error),
    }
}

fn compose(args: &Args) -> Result<usize, Error> {
    let files = args
        .components
        .iter()
        .map(|path| read(path))
        .collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<ChainPart<'_>> = files
        .iter()
        .map(|(name, bytes)| ChainPart { name, bytes })
        .collect();
    let whole = match args.no_adapter {
        true => compose_open(&parts)?,
        false => compose_to_http(&parts)?,
    };
    let name = args.output.display().to_string();
    let contract = Contract::read(&name, &whole)?;
    output::write(&args.output, &whole)?;
    // Another host may provide an import that this host does not.
    if let Err(missing) = contract.check_imports() {
        output::note(&format!(
            "warning: {}\n",
            printable_lines(&missing.to_string())
        ));
    }
    Ok(whole.len())
}

fn read(path: &Path) -> Result<(String, Vec<u8>), Error> {
    let bytes =
        files::read(path, files::MAX_COMPONENT).map_err(|error| Error::Read(path.into(), error))?;
    Ok((path.display().to_string(), bytes))
}
