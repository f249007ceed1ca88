//! An HTTP handler at work in process: it writes the rest of its response, and is
//! stopped when nobody waits for it any more.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::outcome::Failure;

/// How long a handler that has given its answer may take to return, where
/// nobody waits for the rest of it. One that does can be used again.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// A handler at work. Dropped, it is stopped.
pub(crate) enum Running {
    Still(JoinHandle<Ended>),
    No(Ended),
}

/// How it returned, and the last lines that it wrote to its standard error.
pub(crate) type Ended = Result<Option<String>, Failure>;

impl Running {
    /// Has it work for as long as it need not wait; then on its own.
    pub(crate) async fn begin(run: impl Future<Output = Ended> + Send + 'static) -> Self {
        let mut run = Box::pin(run);
        match poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx))).await {
            Poll::Ready(ended) => Self::No(ended),
            Poll::Pending => Self::Still(tokio::spawn(run)),
        }
    }

    /// Waits until the handler has returned. Cancel-safe, and may be asked again.
    pub(crate) async fn ended(&mut self) -> Result<(), Failure> {
        self.printed().await.map(drop)
    }

    /// As [`Self::ended`]; with what it last wrote to its standard error.
    pub(crate) async fn printed(&mut self) -> Ended {
        if let Self::Still(task) = self {
            *self = Self::No(task.await.unwrap_or_else(|panic| {
                Err(Failure::Trap {
                    message: format!("the host panicked: {panic}"),
                    backtrace: None,
                })
            }));
        }
        match self {
            Self::No(ended) => ended.clone(),
            Self::Still(_) => unreachable!("it was waited for"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Still(task) = self {
            task.abort();
        }
    }
}
