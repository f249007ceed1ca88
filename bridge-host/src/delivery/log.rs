//! What a delivery leaves in the log: its whole story is found by its id.
//! Never data, metadata, or the value of a header. Of many lines of one kind
//! most are told at the level `debug` alone, and counted (`storm`).

mod storm;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::broker::{BrokerError, Settlement};
use crate::guest::{Outcome, Unprocessed};
use crate::message::{Message, MessageId};

use super::decide::{Reason, status};
use storm::{Count, Storm};

/// The first attempt whose retry is a warning.
const WORRYING: u32 = 3;

/// The kinds of lines that can be many, each counted by itself.
#[derive(Default)]
pub(super) struct Storms {
    failures: Storm,
    letters: Storm,
    broker: Storm,
}

impl Storms {
    /// Tells the counts of a subscription as they are due.
    pub(super) async fn watch(&self, subscription: &str) -> Infallible {
        tokio::select! {
            never = self.failures.watch(|count| tell_count(subscription, FAILURES, count)) => never,
            never = self.letters.watch(|count| tell_count(subscription, LETTERS, count)) => never,
            never = self.broker.watch(|count| tell_count(subscription, BROKER, count)) => never,
        }
    }

    /// Tells what was not counted yet.
    pub(super) fn end(&self, subscription: &str) {
        let storms = [
            (&self.failures, FAILURES),
            (&self.letters, LETTERS),
            (&self.broker, BROKER),
        ];
        for (storm, what) in storms {
            if let Some(count) = storm.count() {
                tell_count(subscription, what, count);
            }
        }
    }
}

const FAILURES: &str = "attempts failed";
const LETTERS: &str = "deliveries became dead letters";
const BROKER: &str = "settlements failed at the broker";

fn tell_count(subscription: &str, what: &str, count: Count) {
    let every = storm::EVERY;
    match count {
        Count::More { recent, total } => tracing::warn!(
            subscription,
            recent,
            total,
            "{recent} {what} within {every:?}, {total} so far: each one is logged at level debug"
        ),
        Count::Over { total, lasted } => tracing::info!(
            subscription,
            total,
            "{total} {what} within {lasted:?}, and none for {every:?} since"
        ),
    }
}

/// What every line about a delivery begins with.
pub(super) struct Story<'a> {
    pub(super) storms: &'a Storms,
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

/// The same of trouble with a broker, which often has it with all messages.
macro_rules! tell_broker {
    ($level:ident, $story:expr, $($rest:tt)+) => {
        match $story.storms.broker.tells() {
            true => tell!($level, $story, $($rest)+),
            false => tell!(debug, $story, $($rest)+),
        }
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
                let reason = Reason(outcome);
                match (self.storms.failures.tells(), self.attempt) {
                    (false, _) => {
                        tell!(debug, self, status, ?took, verdict = "retry", ?wait, %reason)
                    }
                    (true, ..WORRYING) => {
                        tell!(info, self, status, ?took, verdict = "retry", ?wait, %reason)
                    }
                    (true, WORRYING..) => {
                        tell!(warn, self, status, ?took, verdict = "retry", ?wait, %reason)
                    }
                }
            }
            Settlement::Moved => tell!(debug, self, verdict = "moved"),
            Settlement::DeadLetter(letter) => {
                let reason = &letter.reason;
                match self.storms.letters.tells() {
                    true => tell!(warn, self, status, ?took, verdict = "dead letter", reason),
                    false => tell!(debug, self, status, ?took, verdict = "dead letter", reason),
                }
            }
        }
    }

    /// Its attempt was none, and is made again: what this machine lacks has one
    /// line for all of them, the trouble's own.
    pub(super) fn hindered(&self, unprocessed: Unprocessed, pause: Duration) {
        tell!(debug, self, ?unprocessed, again_in = ?pause, "the attempt is postponed");
    }

    /// The broker failed to settle it, and is asked again after a pause.
    pub(super) fn settles_again(&self, error: &BrokerError, pause: Duration) {
        tell_broker!(error, self, %error, again_in = ?pause, "the broker did not settle the message");
    }

    /// The broker failed to settle it for good.
    pub(super) fn not_settled(&self, error: &BrokerError) {
        tell_broker!(error, self, %error, "the broker did not settle the message: it will be redelivered");
    }

    /// Its dead letter could not be kept.
    pub(super) fn not_kept(&self, error: &BrokerError) {
        tell_broker!(error, self, %error, "the dead letter could not be stored: the message will be redelivered");
    }

    /// No attempt is made of it.
    pub(super) fn not_attempted(&self, reason: &str) {
        tell!(warn, self, verdict = "dead letter", reason);
    }

    /// It could not be parked in the local store.
    pub(super) fn not_parked(&self, error: &BrokerError) {
        tell_broker!(warn, self, %error, "the local store did not take the message: it waits for its retry at its broker");
    }

    /// It waits behind a dead letter of its key.
    pub(super) fn waits(&self) {
        tell!(debug, self, "it waits behind a dead letter of its key");
    }

    /// It is not known whether it has to wait.
    pub(super) fn not_asked(&self, error: &BrokerError) {
        tell_broker!(error, self, %error, "cannot read whether a dead letter holds back the message; trying again soon");
    }

    /// The broker failed to extend the lease.
    pub(super) fn not_extended(&self, error: &BrokerError) {
        tell_broker!(warn, self, %error, "the broker did not extend the lease: the message may be delivered twice");
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
    use parking_lot::Mutex;
    use std::io;

    use super::*;
    use crate::broker::DeadLetter;
    use crate::guest::{CallResult, ExchangeRecord};

    /// What was logged so far.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend(bytes);
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
        let bytes = lines.0.lock();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[track_caller]
    fn check(attempt: u32, settlement: Settlement, expected: &str) {
        let storms = Storms::default();
        let story = Story {
            storms: &storms,
            subscription: "orders",
            id: MessageId::parse("m-1").unwrap(),
            message: Arc::new(Message::new("orders.new", "")),
            published: SystemTime::UNIX_EPOCH,
            attempt,
        };
        let outcome = Outcome {
            result: CallResult::Connection("no answer".into()),
            exchanges: vec![ExchangeRecord {
                result: Ok(503),
                retry_after: None,
                took: Duration::ZERO,
            }],
            sent: 0,
            has_hidden_effects: false,
            replies: Vec::new(),
            unprocessed: None,
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

    #[test]
    fn ten_thousand_failures_are_few_lines() {
        let storms = Storms::default();
        let outcome = Outcome {
            result: CallResult::Connection("no answer".into()),
            exchanges: Vec::new(),
            sent: 0,
            has_hidden_effects: false,
            replies: Vec::new(),
            unprocessed: None,
        };
        let lines = logged(|| {
            for n in 0..10_000 {
                let story = Story {
                    storms: &storms,
                    subscription: "orders",
                    id: MessageId::parse(&format!("m-{n}")).unwrap(),
                    message: Arc::new(Message::new("orders.new", "")),
                    attempt: 1,
                    published: SystemTime::UNIX_EPOCH,
                };
                let retry = Settlement::Retry(Duration::ZERO);
                story.verdict(&outcome, Duration::ZERO, &retry);
                story.not_settled(&BrokerError::Timeout);
            }
            storms.end("orders");
        });
        let graver = lines.lines().filter(|line| !line.starts_with("DEBUG"));
        let graver: Vec<_> = graver.collect();
        assert!(graver.len() < 200, "{}", graver.len());
        let counted = "10000 attempts failed within 30s, 10000 so far";
        let is_told = graver.iter().any(|line| line.contains(counted));
        assert!(is_told, "{graver:?}");
        // Each one is found by its id where that is asked for.
        assert_eq!(lines.matches("verdict=\"retry\"").count(), 10_000);
    }
}
