//! Where messages come from. The intake waits here for the next one; an attempt
//! that ended takes what is here already.

use futures_util::FutureExt;
use tokio::sync::Mutex;

use crate::broker::{BrokerError, Incoming, Subscription};

/// A subscription that attempts share with the intake, until it is closed.
#[derive(Default)]
pub(super) struct Source(Mutex<Option<Open>>);

struct Open {
    subscription: Box<dyn Subscription>,
    /// Met by one who does not wait: for the one who does.
    failed: Option<BrokerError>,
    /// Whoever waits was told of a failure, and asks again after a pause.
    rests: bool,
}

impl Open {
    async fn next(&mut self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        match only_fresh {
            true => self.subscription.next_fresh().await,
            false => self.subscription.next().await,
        }
    }
}

impl Source {
    pub(super) async fn open(&self, subscription: Box<dyn Subscription>) {
        *self.0.lock().await = Some(Open {
            subscription,
            failed: None,
            rests: false,
        });
    }

    /// Waits for the next message, or for the next that was not attempted
    /// before; once it is closed, for ever.
    pub(super) async fn next(&self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        let mut source = self.0.lock().await;
        let Some(open) = &mut *source else {
            return std::future::pending().await;
        };
        open.rests = false;
        let next = match open.failed.take() {
            Some(error) => Err(error),
            None => open.next(only_fresh).await,
        };
        open.rests = next.is_err();
        next
    }

    /// A message that is here already, unless someone waits for it.
    pub(super) fn take(&self, only_fresh: bool) -> Option<Incoming> {
        let mut source = self.0.try_lock().ok()?;
        let open = source.as_mut();
        let open = open.filter(|open| open.failed.is_none() && !open.rests)?;
        match open.next(only_fresh).now_or_never()? {
            Ok(incoming) => Some(incoming),
            Err(error) => {
                open.failed = Some(error);
                None
            }
        }
    }

    /// What was fetched and not begun is for others at once.
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

    /// Fails so many times, and has nothing after that.
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

    async fn open(failures: u32) -> (Source, Arc<AtomicU32>) {
        let (source, left) = (Source::default(), Arc::new(AtomicU32::new(failures)));
        source.open(Box::new(Failing(left.clone()))).await;
        (source, left)
    }

    #[tokio::test]
    async fn a_failure_is_for_the_one_who_waits() {
        let (source, _) = open(1).await;
        assert!(source.take(false).is_none());
        assert!(source.take(false).is_none());
        assert_eq!(source.next(false).await.err(), Some(BrokerError::Timeout));
        assert!(source.next(false).now_or_never().is_none());
    }

    #[tokio::test]
    async fn nobody_asks_before_the_one_who_was_told() {
        let (source, left) = open(2).await;
        assert_eq!(source.next(false).await.err(), Some(BrokerError::Timeout));
        assert!(source.take(false).is_none());
        assert_eq!(left.load(Relaxed), 1);
        assert_eq!(source.next(false).await.err(), Some(BrokerError::Timeout));
    }

    #[tokio::test]
    async fn nothing_is_taken_from_the_one_who_waits() {
        let (source, _) = open(1).await;
        let waiting = source.0.lock().await;
        assert!(source.take(false).is_none());
        drop(waiting);
        assert_eq!(source.next(false).await.err(), Some(BrokerError::Timeout));
    }

    #[tokio::test]
    async fn closed_it_gives_nothing() {
        let (source, _) = open(1).await;
        source.close().await;
        assert!(source.take(false).is_none());
        assert!(source.next(false).now_or_never().is_none());
    }
}
