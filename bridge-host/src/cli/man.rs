//! `bridge-host man`: prints or writes the manual pages. The commands are declared in
//! `cli`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{output, report};

/// Print the manual page of bridge-host, or write the pages of all commands to a folder
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host man ~/.local/share/man/man1")]
pub(super) struct Args {
    /// The folder, such as ~/.local/share/man/man1; it is created if it is missing
    folder: Option<PathBuf>,
}

/// Why the pages were not written.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot write the manual pages to {}: {}", .0.display(), .1)]
    Write(PathBuf, #[source] io::Error),
    #[error("cannot render the manual page: {0}")]
    Render(#[source] io::Error),
    #[error(transparent)]
    Output(#[from] output::OutputError),
}

pub(super) fn run(args: &Args, command: clap::Command) -> ExitCode {
    let done = match &args.folder {
        Some(folder) => write(folder, command),
        None => print(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

fn print(command: clap::Command) -> Result<(), Error> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(Error::Render)?;
    Ok(output::text(&String::from_utf8_lossy(&page))?)
}

fn write(folder: &Path, command: clap::Command) -> Result<(), Error> {
    let unwritable = |error| Error::Write(folder.into(), error);
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    clap_mangen::generate_to(command, folder).map_err(unwritable)
}
