//! Where messages come from. The fetch loop waits for the next message; an
//! attempt that ended takes a message that is ready.

use futures_util::FutureExt;
use tokio::sync::Mutex;

use crate::broker::{BrokerError, Incoming, Subscription};

/// A subscription that the fetch loop shares with attempts, until it is closed.
#[derive(Default)]
pub(super) struct MessageSource(Mutex<Option<OpenSource>>);

struct OpenSource {
    subscription: Box<dyn Subscription>,
    /// An error that an attempt met. The fetch loop reports it.
    pending_error: Option<BrokerError>,
    /// The fetch loop saw an error, and pauses before it fetches again.
    backing_off: bool,
}

impl OpenSource {
    async fn next(&mut self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        match only_fresh {
            true => self.subscription.next_fresh().await,
            false => self.subscription.next().await,
        }
    }
}

impl MessageSource {
    pub(super) async fn open(&self, subscription: Box<dyn Subscription>) {
        *self.0.lock().await = Some(OpenSource {
            subscription,
            pending_error: None,
            backing_off: false,
        });
    }

    /// Waits for the next message, or with `only_fresh` for the next one without
    /// an earlier attempt. Once the source is closed, it waits forever.
    pub(super) async fn next(&self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        let mut source = self.0.lock().await;
        let Some(open) = &mut *source else {
            return std::future::pending().await;
        };
        open.backing_off = false;
        let next = match open.pending_error.take() {
            Some(error) => Err(error),
            None => open.next(only_fresh).await,
        };
        open.backing_off = next.is_err();
        next
    }

    /// Returns a message that is ready, unless the fetch loop waits for one.
    pub(super) fn try_next(&self, only_fresh: bool) -> Option<Incoming> {
        let mut source = self.0.try_lock().ok()?;
        let open = source.as_mut();
        let open = open.filter(|open| open.pending_error.is_none() && !open.backing_off)?;
        match open.next(only_fresh).now_or_never()? {
            Ok(incoming) => Some(incoming),
            Err(error) => {
                open.pending_error = Some(error);
                None
            }
        }
    }

    /// Closes the source. Messages that were fetched and not begun are
    /// redelivered at once.
    pub(super) async fn close(&self) {
        *self.0.lock().await = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use async_trait::async_trait;

    use super::*;

    /// Fails this many times, and then returns no message.
    struct Failing(Arc<AtomicU32>);

    #[async_trait]
    impl Subscription for Failing {
        async fn next(&mut self) -> Result<Incoming, BrokerError> {
            match self.0.load(Relaxed) {
                0 => std::future::pending().await,
                left => {
                    self.0.store(left - 1, Relaxed);
                    Err(BrokerError::Timeout)
                }
            }
        }
    }

    async fn open(failures: u32) -> (MessageSource, Arc<AtomicU32>) {
        let (source, left) = (MessageSource::default(), Arc::new(AtomicU32::new(failures)));
        source.open(Box::new(Failing(left.clone()))).await;
        (source, left)
    }

    #[tokio::test]
    async fn the_fetch_loop_gets_the_error() {
        let (source, _) = open(1).await;
        assert!(source.try_next(false).is_none());
        assert!(source.try_next(false).is_none());
        assert_eq!(source.next(false).await.err(), Some(BrokerError::Timeout));
        assert!(source.next(false).now_or_never().is_none());
    }

    #[tokio::test]
    async fn attempts_take_nothing_while_the_fetch_loop_backs_off() {
        let (source, left) = open(2).await;
        assert_eq!(source.next(false).await.err(), Some(BrokerError::Timeout));
        assert!(source.try_next(false).is_none());
        assert_eq!(left.load(Relaxed), 1);
        assert_eq!(source.next(false).await.err(), Some(BrokerError::Timeout));
    }

    #[tokio::test]
    async fn attempts_take_nothing_while_the_fetch_loop_waits() {
        let (source, _) = open(1).await;
        let waiting = source.0.lock().await;
        assert!(source.try_next(false).is_none());
        drop(waiting);
        assert_eq!(source.next(false).await.err(), Some(BrokerError::Timeout));
    }

    #[tokio::test]
    async fn a_closed_source_returns_nothing() {
        let (source, _) = open(1).await;
        source.close().await;
        assert!(source.try_next(false).is_none());
        assert!(source.next(false).now_or_never().is_none());
    }
}
