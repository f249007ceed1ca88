//! Writes the results of commands to a file, standard output or standard error. A closed
//! pipe is not an error. Formatting stays out.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::printable::printable_json;

/// Why a result was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutputError {
    /// A binary is not written to a terminal.
    #[error("standard output is a terminal: name a file with -o, or pipe the output")]
    Terminal,
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// The file cannot be written.
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
    match out.write_all(component).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(OutputError::Stdout),
    }
}

/// Writes text to standard output. A closed pipe is not an error.
pub(super) fn text(text: &str) -> Result<(), OutputError> {
    part(text).map(drop)
}

/// Writes one of several parts to standard output. Returns whether the reader still reads.
pub(super) fn part(text: &str) -> Result<bool, OutputError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).map_err(OutputError::Stdout),
    }
}

/// Writes JSON to standard output: on several lines if `pretty`, otherwise on one.
pub(super) fn json(value: &Value, pretty: bool) -> Result<(), OutputError> {
    text(&json_text(value, pretty))
}

/// Returns JSON that is safe to print, with a newline.
pub(super) fn json_text(value: &Value, pretty: bool) -> String {
    let written = match pretty {
        true => format!("{value:#}\n"),
        false => format!("{value}\n"),
    };
    printable_json(&written).into_owned()
}

/// Writes text to standard error.
pub(super) fn note(text: &str) {
    // There is no other place to report an error of standard error.
    _ = io::stderr().lock().write_all(text.as_bytes());
}
