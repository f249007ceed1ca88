//! An HTTP handler in process that still runs after it has set its response. It is stopped once its
//! response is no longer needed.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::outcome::Failure;

/// How long a handler may run on after its response was read or dropped. If it returns within this
/// time, its instance can be reused.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// A handler that may still run. Dropping it stops the handler.
pub(crate) enum RunningHandler {
    Active(JoinHandle<HandlerEnd>),
    Ended(HandlerEnd),
}

/// How a handler returned, and the last lines that it wrote to its standard error.
pub(crate) type HandlerEnd = Result<Option<String>, Failure>;

impl RunningHandler {
    /// Polls the handler once. If it is not done, spawns a task for it.
    pub(crate) async fn begin(run: impl Future<Output = HandlerEnd> + Send + 'static) -> Self {
        let mut run = Box::pin(run);
        match poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx))).await {
            Poll::Ready(ended) => Self::Ended(ended),
            Poll::Pending => Self::Active(tokio::spawn(run)),
        }
    }

    /// Waits until the handler has returned. Cancel-safe, and can be called again.
    pub(crate) async fn ended(&mut self) -> Result<(), Failure> {
        self.ended_with_output().await.map(drop)
    }

    /// Waits as [`Self::ended`] does, and returns the last lines of the handler's standard error.
    pub(crate) async fn ended_with_output(&mut self) -> HandlerEnd {
        if let Self::Active(task) = self {
            *self = Self::Ended(task.await.unwrap_or_else(|panic| {
                Err(Failure::Trap {
                    message: format!("the host panicked: {panic}"),
                    backtrace: None,
                })
            }));
        }
        match self {
            Self::Ended(ended) => ended.clone(),
            Self::Active(_) => unreachable!("it was waited for"),
        }
    }
}

impl Drop for RunningHandler {
    fn drop(&mut self) {
        if let Self::Active(task) = self {
            task.abort();
        }
    }
}
