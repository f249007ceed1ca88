//! The standard output and error of a component. Printed lines go to the log, with the component's
//! name and the message that it handles.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::{Mutex, MutexGuard};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::message::MessageId;

/// The length of a line, in bytes, above which it is logged in pieces.
const LONGEST_LINE: usize = 8 << 10;

/// How many lines of the standard error are kept for the reason of a failure, and how many bytes of
/// each.
const LAST_LINES: usize = 4;
const LAST_LINE: usize = 256;

/// The standard output or the standard error of one instance.
#[derive(Clone)]
pub(crate) struct LogStream(Arc<Lines>);

struct Lines {
    component: String,
    stream: &'static str,
    /// How many bytes one call may print.
    limit: u64,
    printed: Mutex<Printed>,
}

/// What the current call has printed.
#[derive(Default)]
struct Printed {
    message: Option<MessageId>,
    partial: Vec<u8>,
    bytes: u64,
    /// The last lines of the standard error.
    last: VecDeque<String>,
}

impl LogStream {
    pub(crate) fn new(component: &str, stream: &'static str, limit: u64) -> Self {
        Self(Arc::new(Lines {
            component: component.into(),
            stream,
            limit,
            printed: Mutex::default(),
        }))
    }

    /// Begins a call, for this message if it is known.
    pub(crate) fn begin(&self, message: Option<MessageId>) {
        let mut printed = self.0.lock();
        self.0.end_line(&mut printed);
        *printed = Printed {
            message,
            partial: mem::take(&mut printed.partial),
            ..Printed::default()
        };
    }

    /// Logs a complete line.
    pub(crate) fn line(&self, line: &str) {
        self.end_line();
        self.0.take(line.as_bytes());
        self.0.take(b"\n");
    }

    /// Ends an unfinished line, as at the end of a call.
    pub(crate) fn end_line(&self) {
        self.0.end_line(&mut self.0.lock());
    }

    /// Takes the last lines that the call printed, joined into one.
    pub(crate) fn last_lines(&self) -> Option<String> {
        let mut printed = self.0.lock();
        self.0.end_line(&mut printed);
        let lines: Vec<_> = mem::take(&mut printed.last).into();
        (!lines.is_empty()).then(|| lines.join(" | "))
    }
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Printed> {
        self.printed.lock()
    }

    fn take(&self, bytes: &[u8]) {
        let mut printed = self.lock();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            for part in text.chunks(LONGEST_LINE) {
                printed.partial.extend_from_slice(part);
                if printed.partial.len() >= LONGEST_LINE {
                    self.log(&mut printed);
                }
            }
            if ended {
                self.log(&mut printed);
            }
        }
    }

    fn end_line(&self, printed: &mut Printed) {
        if !printed.partial.is_empty() {
            self.log(printed);
        }
    }

    /// Logs the line, unless the call has printed too much.
    fn log(&self, printed: &mut Printed) {
        let text = mem::take(&mut printed.partial);
        let line = String::from_utf8_lossy(&text);
        let message = printed.message.as_ref().map(MessageId::as_str);
        let before = printed.bytes;
        printed.bytes = before.saturating_add(text.len() as u64 + 1);
        if printed.bytes <= self.limit {
            let (component, stream) = (&self.component, self.stream);
            tracing::info!(%component, stream, id = message, "{line}");
        } else if before <= self.limit {
            let (component, stream, limit) = (&self.component, self.stream, self.limit);
            tracing::warn!(
                %component,
                stream,
                id = message,
                "the component printed more than {limit} bytes in one call (`limits.output`): \
                 the rest of this call's output is dropped"
            );
        }
        if self.stream == "stderr" && !line.trim().is_empty() {
            let end = line.floor_char_boundary(LAST_LINE);
            let last = line[..end].trim_end().replace(char::is_control, " ");
            while printed.last.len() >= LAST_LINES {
                printed.last.pop_front();
            }
            printed.last.push_back(last);
        }
        // Reuses the buffer for the next line.
        printed.partial = text;
        printed.partial.clear();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let mut printed = mem::take(&mut *self.lock());
        self.end_line(&mut printed);
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_call_are_kept() {
        let stream = LogStream::new("probe", "stderr", 1 << 20);
        stream.begin(None);
        for n in 0..9 {
            stream.0.take(format!("line {n}\n").as_bytes());
        }
        stream.0.take(b"\nthe en");
        stream.0.take(b"d");
        let last = stream.last_lines();
        assert_eq!(last.as_deref(), Some("line 6 | line 7 | line 8 | the end"));
        stream.0.take(b"of this call\n");
        stream.begin(None);
        assert_eq!(stream.last_lines(), None);
    }

    #[test]
    fn the_kept_part_of_a_line_is_limited() {
        let stream = LogStream::new("probe", "stderr", 1);
        stream.0.take(&[b'x'; 100 << 10]);
        let last = stream.last_lines().unwrap();
        assert!(last.len() < 2 * LAST_LINES * LAST_LINE, "{}", last.len());
        assert!(stream.0.lock().partial.capacity() <= 4 * LONGEST_LINE);
    }
}
