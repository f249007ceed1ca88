//! Where a command leaves what it made: a file, or standard output for
//! whatever reads it there.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Why a component was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutputError {
    /// Bytes on a terminal help nobody.
    #[error("standard output is a terminal; name a file with -o, or pipe the component on")]
    Terminal,
    /// Nobody reads on.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// The disk, or the path.
    #[error("cannot write {}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
}

/// Writes a component to a file, or to standard output for `-`.
pub(super) fn write(to: &Path, component: &[u8]) -> Result<(), OutputError> {
    if to != Path::new("-") {
        return std::fs::write(to, component).map_err(|error| OutputError::File(to.into(), error));
    }
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        return Err(OutputError::Terminal);
    }
    out.write_all(component)
        .and_then(|()| out.flush())
        .map_err(OutputError::Stdout)
}

/// Writes text to standard output. A reader that has seen enough is no failure.
pub(super) fn text(text: &str) -> Result<(), OutputError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(OutputError::Stdout),
    }
}
