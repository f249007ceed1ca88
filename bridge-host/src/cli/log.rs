//! Sets up the log, which goes to standard error as text or JSON. Standard output is for
//! the results of commands.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};
use crate::printable::printable_log;

/// Starts the log. Libraries log warnings and errors only.
pub(super) fn start(log: Log) {
    let filter = Targets::new()
        .with_default(tracing::Level::WARN.min(log.level))
        .with_target("bridge_host", log.level);
    let registry = tracing_subscriber::registry().with(filter);
    match log.format {
        LogFormat::Text => registry
            .with(
                fmt::layer()
                    .with_writer(|| Printable(io::stderr()))
                    .with_ansi(io::stderr().is_terminal())
                    .with_target(false),
            )
            .init(),
        LogFormat::Json => registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(io::stderr),
            )
            .init(),
    }
}

/// Writes lines for people, and escapes characters from messages, endpoints and components
/// that are not safe to print. Each call writes a whole line.
struct Printable<W>(W);

impl<W: Write> Write for Printable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(printable_log(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
