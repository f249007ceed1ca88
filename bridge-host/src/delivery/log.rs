//! The log lines of a delivery. An id finds all lines of its message. No line
//! contains data, metadata or the value of a header. If many lines of one kind
//! come, most of them are logged at level `debug` and counted (`throttle`).

mod throttle;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::broker::{BrokerError, Settlement};
use crate::guest::{Outcome, Unprocessed};
use crate::message::{Message, MessageId};

use super::decide::{Reason, status};
use throttle::{LogThrottle, ThrottleCount};

/// The first attempt whose retry is logged as a warning.
const FIRST_WARNING: u32 = 3;

/// The throttles for the kinds of lines that can be many.
#[derive(Default)]
pub(super) struct LogThrottles {
    failures: LogThrottle,
    letters: LogThrottle,
    broker: LogThrottle,
}

impl LogThrottles {
    /// Logs the counts of a subscription when they are due.
    pub(super) async fn report_counts(&self, subscription: &str) -> Infallible {
        tokio::select! {
            never = self.failures.report_counts(|count| log_count(subscription, FAILURES, count)) => never,
            never = self.letters.report_counts(|count| log_count(subscription, LETTERS, count)) => never,
            never = self.broker.report_counts(|count| log_count(subscription, BROKER, count)) => never,
        }
    }

    /// Logs what was not counted yet.
    pub(super) fn report_remaining(&self, subscription: &str) {
        let throttles = [
            (&self.failures, FAILURES),
            (&self.letters, LETTERS),
            (&self.broker, BROKER),
        ];
        for (throttle, what) in throttles {
            if let Some(count) = throttle.take_count() {
                log_count(subscription, what, count);
            }
        }
    }
}

const FAILURES: &str = "attempts failed";
const LETTERS: &str = "deliveries became dead letters";
const BROKER: &str = "settlements failed at the broker";

fn log_count(subscription: &str, what: &str, count: ThrottleCount) {
    let every = throttle::COUNT_INTERVAL;
    match count {
        ThrottleCount::Ongoing { recent, total } => tracing::warn!(
            subscription,
            recent,
            total,
            "{recent} {what} within {every:?}, {total} so far: each one is logged at level debug"
        ),
        ThrottleCount::Ended { total, lasted } => tracing::info!(
            subscription,
            total,
            "{total} {what} within {lasted:?}, and none for {every:?} since"
        ),
    }
}

/// The context of every log line about a delivery.
pub(super) struct DeliveryLog<'a> {
    pub(super) throttles: &'a LogThrottles,
    pub(super) subscription: &'a str,
    pub(super) id: MessageId,
    pub(super) message: Arc<Message>,
    pub(super) published: SystemTime,
    pub(super) attempt: u32,
}

/// Logs one line about this delivery.
macro_rules! log_line {
    ($level:ident, $log:expr, $($rest:tt)+) => {
        tracing::$level!(
            subscription = $log.subscription,
            id = $log.id.as_str(),
            topic = $log.message.topic,
            attempt = $log.attempt,
            $($rest)+
        )
    };
}

/// Logs one line about a failure of the broker, which may affect all messages.
macro_rules! log_broker_line {
    ($level:ident, $log:expr, $($rest:tt)+) => {
        match $log.throttles.broker.allows_line() {
            true => log_line!($level, $log, $($rest)+),
            false => log_line!(debug, $log, $($rest)+),
        }
    };
}

impl DeliveryLog<'_> {
    /// Logs the result of an attempt, and what becomes of its message.
    pub(super) fn verdict(&self, outcome: &Outcome, took: Duration, settlement: &Settlement) {
        let status = status(outcome);
        match settlement {
            Settlement::Delivered => log_line!(debug, self, status, ?took, verdict = "delivered"),
            Settlement::Filtered => log_line!(debug, self, status, ?took, verdict = "filtered"),
            Settlement::Retry(wait) => {
                let reason = Reason(outcome);
                match (self.throttles.failures.allows_line(), self.attempt) {
                    (false, _) => {
                        log_line!(debug, self, status, ?took, verdict = "retry", ?wait, %reason)
                    }
                    (true, ..FIRST_WARNING) => {
                        log_line!(info, self, status, ?took, verdict = "retry", ?wait, %reason)
                    }
                    (true, FIRST_WARNING..) => {
                        log_line!(warn, self, status, ?took, verdict = "retry", ?wait, %reason)
                    }
                }
            }
            Settlement::Moved => log_line!(debug, self, verdict = "moved"),
            Settlement::DeadLetter(letter) => {
                let reason = &letter.reason;
                match self.throttles.letters.allows_line() {
                    true => log_line!(warn, self, status, ?took, verdict = "dead letter", reason),
                    false => log_line!(debug, self, status, ?took, verdict = "dead letter", reason),
                }
            }
        }
    }

    /// Logs that the attempt was postponed. The machine's lack of a resource has
    /// its own line, which covers all messages.
    pub(super) fn attempt_postponed(&self, unprocessed: Unprocessed, pause: Duration) {
        log_line!(debug, self, ?unprocessed, again_in = ?pause, "the attempt is postponed");
    }

    /// Logs that the broker failed to settle the message, and that a retry
    /// follows.
    pub(super) fn settlement_retried(&self, error: &BrokerError, pause: Duration) {
        log_broker_line!(error, self, %error, again_in = ?pause, "the broker did not settle the message");
    }

    /// Logs that the broker failed to settle the message, and that a redelivery
    /// follows.
    pub(super) fn settlement_failed(&self, error: &BrokerError) {
        log_broker_line!(error, self, %error, "the broker did not settle the message: it will be redelivered");
    }

    /// Logs that the dead letter could not be stored.
    pub(super) fn dead_letter_not_stored(&self, error: &BrokerError) {
        log_broker_line!(error, self, %error, "the dead letter could not be stored: the message will be redelivered");
    }

    /// Logs that the message becomes a dead letter without an attempt.
    pub(super) fn attempt_skipped(&self, reason: &str) {
        log_line!(warn, self, verdict = "dead letter", reason);
    }

    /// Logs that the local store could not park the message.
    pub(super) fn parking_failed(&self, error: &BrokerError) {
        log_broker_line!(warn, self, %error, "the local store did not accept the message: it waits for its retry at its broker");
    }

    /// Logs that the message waits behind a dead letter of its key.
    pub(super) fn waits_behind_dead_letter(&self) {
        log_line!(
            debug,
            self,
            "the message waits behind a dead letter of its key"
        );
    }

    /// Logs that the broker did not say whether the message must wait.
    pub(super) fn turn_unknown(&self, error: &BrokerError) {
        log_broker_line!(error, self, %error, "cannot read whether a dead letter blocks the message's key; trying again soon");
    }

    /// Logs that the broker failed to extend the lease.
    pub(super) fn lease_not_extended(&self, error: &BrokerError) {
        log_broker_line!(warn, self, %error, "the broker did not extend the lease: the message may be delivered twice");
    }
}

/// Logs that the subscription failed to return its next message.
pub(super) fn fetch_failed(subscription: &str, error: &BrokerError, pause: Duration) {
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

    /// Collects the lines that a test logs.
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

    fn logged(write: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, write);
        let bytes = lines.0.lock();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[track_caller]
    fn check(attempt: u32, settlement: Settlement, expected: &str) {
        let throttles = LogThrottles::default();
        let log = DeliveryLog {
            throttles: &throttles,
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
        let line = logged(|| log.verdict(&outcome, took, &settlement));
        assert_eq!(line.trim(), expected);
    }

    #[test]
    fn every_line_has_the_context_of_its_delivery() {
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
    fn ten_thousand_failures_log_few_lines() {
        let throttles = LogThrottles::default();
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
                let log = DeliveryLog {
                    throttles: &throttles,
                    subscription: "orders",
                    id: MessageId::parse(&format!("m-{n}")).unwrap(),
                    message: Arc::new(Message::new("orders.new", "")),
                    attempt: 1,
                    published: SystemTime::UNIX_EPOCH,
                };
                let retry = Settlement::Retry(Duration::ZERO);
                log.verdict(&outcome, Duration::ZERO, &retry);
                log.settlement_failed(&BrokerError::Timeout);
            }
            throttles.report_remaining("orders");
        });
        let above_debug = lines.lines().filter(|line| !line.starts_with("DEBUG"));
        let above_debug: Vec<_> = above_debug.collect();
        assert!(above_debug.len() < 200, "{}", above_debug.len());
        let counted = "10000 attempts failed within 30s, 10000 so far";
        let is_told = above_debug.iter().any(|line| line.contains(counted));
        assert!(is_told, "{above_debug:?}");
        // At level debug, each delivery's lines are found by its id.
        assert_eq!(lines.matches("verdict=\"retry\"").count(), 10_000);
    }
}
