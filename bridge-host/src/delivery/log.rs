//! What a delivery leaves in the log: its whole story is found by its id.
//! Never data, metadata, or the value of a header.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::broker::{BrokerError, Settlement};
use crate::guest::Outcome;
use crate::message::{Message, MessageId};

use super::decide::{Reason, status};

/// The first attempt whose retry is a warning.
const WORRYING: u32 = 3;

/// What every line about a delivery begins with.
pub(super) struct Story<'a> {
    pub(super) subscription: &'a str,
    pub(super) id: MessageId,
    pub(super) message: Arc<Message>,
    pub(super) published: SystemTime,
    pub(super) attempt: u32,
}

/// One line about this delivery, at this level.
macro_rules! tell {
    ($level:ident, $story:expr, $($rest:tt)+) => {
        tracing::$level!(
            subscription = $story.subscription,
            id = $story.id.as_str(),
            topic = $story.message.topic,
            attempt = $story.attempt,
            $($rest)+
        )
    };
}

impl Story<'_> {
    /// What an attempt showed, and what becomes of its message.
    pub(super) fn verdict(&self, outcome: &Outcome, took: Duration, settlement: &Settlement) {
        let status = status(outcome);
        match settlement {
            Settlement::Delivered => tell!(debug, self, status, ?took, verdict = "delivered"),
            Settlement::Filtered => tell!(debug, self, status, ?took, verdict = "filtered"),
            Settlement::Retry(wait) => {
                let reason = Reason(&outcome.result);
                match self.attempt {
                    ..WORRYING => {
                        tell!(info, self, status, ?took, verdict = "retry", ?wait, %reason)
                    }
                    WORRYING.. => {
                        tell!(warn, self, status, ?took, verdict = "retry", ?wait, %reason)
                    }
                }
            }
            Settlement::Moved => tell!(debug, self, verdict = "moved"),
            Settlement::DeadLetter(letter) => {
                let reason = &letter.reason;
                tell!(warn, self, status, ?took, verdict = "dead letter", reason);
            }
        }
    }

    /// The broker failed to settle it, and is asked again after a pause.
    pub(super) fn settles_again(&self, error: &BrokerError, pause: Duration) {
        tell!(error, self, %error, again_in = ?pause, "the broker did not settle it");
    }

    /// The broker failed to settle it for good.
    pub(super) fn not_settled(&self, error: &BrokerError) {
        tell!(error, self, %error, "the broker did not settle it: it will be delivered again");
    }

    /// Its dead letter could not be kept.
    pub(super) fn not_kept(&self, error: &BrokerError) {
        tell!(error, self, %error, "the dead letter could not be kept: it will be delivered again");
    }

    /// No attempt is made of it.
    pub(super) fn not_attempted(&self, reason: &str) {
        tell!(warn, self, verdict = "dead letter", reason);
    }

    /// It could not be parked in the local store.
    pub(super) fn not_parked(&self, error: &BrokerError) {
        tell!(warn, self, %error, "the local store did not take it: it waits for its retry at its broker");
    }

    /// It waits behind a dead letter of its key.
    pub(super) fn waits(&self) {
        tell!(debug, self, "it waits behind a dead letter of its key");
    }

    /// It is not known whether it has to wait.
    pub(super) fn not_asked(&self, error: &BrokerError) {
        tell!(error, self, %error, "it cannot be found out whether a dead letter holds it back; asked again soon");
    }

    /// The broker failed to extend the lease.
    pub(super) fn not_extended(&self, error: &BrokerError) {
        tell!(warn, self, %error, "the broker did not extend the lease: it may be delivered twice");
    }
}

/// The subscription had no next message to give.
pub(super) fn no_next(subscription: &str, error: &BrokerError, pause: Duration) {
    tracing::error!(
        subscription,
        %error,
        again_in = ?pause,
        "the broker gave no message"
    );
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;
    use crate::broker::DeadLetter;
    use crate::guest::{CallResult, Exchange};

    /// What was logged so far.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(tell: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, tell);
        let bytes = lines.0.lock().unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[track_caller]
    fn check(attempt: u32, settlement: Settlement, expected: &str) {
        let story = Story {
            subscription: "orders",
            id: MessageId::parse("m-1").unwrap(),
            message: Arc::new(Message::new("orders.new", "")),
            published: SystemTime::UNIX_EPOCH,
            attempt,
        };
        let outcome = Outcome {
            result: CallResult::Connection("no answer".into()),
            exchanges: vec![Exchange {
                result: Ok(503),
                retry_after: None,
                took: Duration::ZERO,
            }],
            sent: 0,
            contained: false,
            replies: Vec::new(),
        };
        let took = Duration::from_millis(7);
        let line = logged(|| story.verdict(&outcome, took, &settlement));
        assert_eq!(line.trim(), expected);
    }

    #[test]
    fn every_line_has_the_whole_story() {
        let dead = Settlement::DeadLetter(DeadLetter {
            reason: "gave up after 4 attempts: no answer".into(),
            status: Some(503),
            attempts: 4,
            backtrace: None,
            key: None,
        });
        check(
            1,
            Settlement::Delivered,
            r#"DEBUG subscription="orders" id="m-1" topic="orders.new" attempt=1 status=503 took=7ms verdict="delivered""#,
        );
        check(
            2,
            Settlement::Retry(Duration::from_secs(1)),
            r#"INFO subscription="orders" id="m-1" topic="orders.new" attempt=2 status=503 took=7ms verdict="retry" wait=1s reason=no answer"#,
        );
        check(
            3,
            Settlement::Retry(Duration::from_secs(1)),
            r#"WARN subscription="orders" id="m-1" topic="orders.new" attempt=3 status=503 took=7ms verdict="retry" wait=1s reason=no answer"#,
        );
        check(
            4,
            dead,
            r#"WARN subscription="orders" id="m-1" topic="orders.new" attempt=4 status=503 took=7ms verdict="dead letter" reason="gave up after 4 attempts: no answer""#,
        );
    }
}
