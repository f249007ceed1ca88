//! What components print goes to the log, line by line, under their name.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// A line that is longer is logged in pieces.
const LONGEST_LINE: usize = 8 << 10;

/// The standard output or error of one instance.
#[derive(Clone)]
pub(super) struct LogStream(Arc<Lines>);

struct Lines {
    component: String,
    stream: &'static str,
    partial: Mutex<Vec<u8>>,
}

impl LogStream {
    pub(super) fn new(component: &str, stream: &'static str) -> Self {
        Self(Arc::new(Lines {
            component: component.into(),
            stream,
            partial: Mutex::default(),
        }))
    }
}

impl LogStream {
    /// A line that is not ended is one all the same, where a call ends.
    pub(super) fn end_line(&self) {
        if let Ok(mut partial) = self.0.partial.lock()
            && !partial.is_empty()
        {
            self.0.log(&partial);
            partial.clear();
        }
    }
}

impl Lines {
    fn take(&self, bytes: &[u8]) {
        let Ok(mut partial) = self.partial.lock() else {
            return;
        };
        for &byte in bytes {
            if byte != b'\n' {
                partial.push(byte);
            }
            if byte == b'\n' || partial.len() >= LONGEST_LINE {
                self.log(&partial);
                partial.clear();
            }
        }
    }

    fn log(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        tracing::info!(component = %self.component, stream = self.stream, "{line}");
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let Ok(partial) = self.partial.get_mut()
            && !partial.is_empty()
        {
            let line = std::mem::take(partial);
            self.log(&line);
        }
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
