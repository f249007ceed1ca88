//! `bridge-host componentize`: makes a component of a core module. Encoding is in
//! `compose`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{output, report};
use crate::compose::{EncodeError, encode};
use crate::files;

/// Make a component of a core module, such as a build for wasm32-unknown-unknown
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host componentize filter_core.wasm -o filter.wasm")]
pub(super) struct Args {
    /// The module, which must be built with wit-bindgen
    module: PathBuf,
    /// The file to write; - for standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

/// Why no component was made.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read {}: {}", .0.display(), .1)]
    Read(PathBuf, std::io::Error),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(transparent)]
    Output(#[from] output::OutputError),
}

pub(super) fn run(args: &Args) -> ExitCode {
    match componentize(args) {
        Ok(size) => {
            let to = args.output.display();
            output::note(&format!("{to}: a component of {size} bytes\n"));
            ExitCode::SUCCESS
        }
        Err(error) => report::failure(&error),
    }
}

fn componentize(args: &Args) -> Result<usize, Error> {
    let path = &args.module;
    let module = files::read(path, files::MAX_COMPONENT)
        .map_err(|error| Error::Read(path.clone(), error))?;
    let component = encode(&path.display().to_string(), &module)?;
    output::write(&args.output, &component)?;
    Ok(component.len())
}
