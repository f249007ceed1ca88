//! Where a command leaves what it made or has to say: a file, standard output
//! or standard error. A reader that has seen enough is no failure.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::printable::printable_json;

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
    match out.write_all(component).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(OutputError::Stdout),
    }
}

/// Writes text to standard output. A reader that has seen enough is no failure.
pub(super) fn text(text: &str) -> Result<(), OutputError> {
    part(text).map(drop)
}

/// Writes one of many parts to standard output, and says whether anybody reads
/// on.
pub(super) fn part(text: &str) -> Result<bool, OutputError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).map_err(OutputError::Stdout),
    }
}

/// Writes JSON to standard output: over several lines for those who read one
/// object, in one line where there may be many.
pub(super) fn json(value: &Value, pretty: bool) -> Result<(), OutputError> {
    text(&json_text(value, pretty))
}

/// JSON as it is shown, with a newline.
pub(super) fn json_text(value: &Value, pretty: bool) -> String {
    let written = match pretty {
        true => format!("{value:#}\n"),
        false => format!("{value}\n"),
    };
    printable_json(&written).into_owned()
}

/// Writes text to standard error, where there is one.
pub(super) fn note(text: &str) {
    // Where it cannot be told, nobody is there to be told so.
    _ = io::stderr().lock().write_all(text.as_bytes());
}
