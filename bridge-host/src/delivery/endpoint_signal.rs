//! What an attempt shows about the state of its endpoint. `decide` has what it
//! means for the message. Free of I/O.

use std::time::Duration;

use mapping::Condition;

use super::decide::status;
use crate::guest::{CallResult, Failure, Outcome};

/// Whether the endpoint works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// The endpoint answered, and not with a 5xx.
    Good,
    /// The endpoint did not answer, or answered with a 5xx.
    Bad,
    /// There was no exchange.
    Unknown,
}

/// What an attempt showed about the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndpointSignal {
    pub(super) health: Health,
    /// Whether the endpoint is overloaded: by its status ([`Condition`]), or
    /// because it did not answer in time.
    pub(super) overloaded: bool,
    /// The Retry-After that came with such a status.
    pub(super) pause: Option<Duration>,
}

impl EndpointSignal {
    /// Reads the last exchange, or the result if there was no exchange.
    pub(super) fn of(outcome: &Outcome) -> Self {
        let status = status(outcome);
        let ok = outcome.result == CallResult::Ok;
        let late = matches!(
            outcome.result,
            CallResult::Timeout | CallResult::Failed(Failure::OutOfTime(_))
        );
        let busy = !ok && status.is_some_and(|it| Condition::of(it).overloaded);
        let retry_after = outcome.exchanges.last().and_then(|last| last.retry_after);
        Self {
            health: health(outcome, late),
            overloaded: late || busy,
            pause: retry_after.filter(|wait| busy && !wait.is_zero()),
        }
    }
}

fn health(outcome: &Outcome, late: bool) -> Health {
    let last = outcome.exchanges.last().map(|last| &last.result);
    match (&outcome.result, last) {
        _ if late => Health::Bad,
        // The user counts the response as a success, whatever its status.
        (CallResult::Ok, Some(_)) => Health::Good,
        (_, Some(Ok(status))) if Condition::of(*status).healthy => Health::Good,
        (_, Some(Ok(_) | Err(_))) => Health::Bad,
        (CallResult::Connection(_), None) => Health::Bad,
        (CallResult::Ok, None) if outcome.sent > 0 => Health::Good,
        (_, None) => Health::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::ExchangeRecord;

    #[track_caller]
    fn check(
        result: CallResult,
        exchange: Option<(Result<u16, String>, Option<u64>)>,
        expected: (Health, bool, Option<u64>),
    ) {
        let exchanges = exchange.into_iter().map(|(result, after)| ExchangeRecord {
            result,
            retry_after: after.map(Duration::from_secs),
            took: Duration::ZERO,
        });
        let signal = EndpointSignal::of(&Outcome {
            result,
            exchanges: exchanges.collect(),
            sent: 0,
            has_hidden_effects: false,
            replies: Vec::new(),
            unprocessed: None,
        });
        let pause = signal.pause.map(|pause| pause.as_secs());
        assert_eq!((signal.health, signal.overloaded, pause), expected);
    }

    #[test]
    fn every_outcome_maps_to_a_signal() {
        use Health::{Bad, Good, Unknown};
        let again = || CallResult::Connection("no".into());
        let never = || CallResult::Other("no".into());
        let trap = || CallResult::Failed(Failure::OutOfMemory(1));
        let late = || CallResult::Failed(Failure::OutOfTime(Duration::ZERO));
        let status = |status| Some((Ok(status), None));
        check(CallResult::Ok, status(200), (Good, false, None));
        check(CallResult::Ok, status(500), (Good, false, None));
        check(CallResult::Ok, None, (Unknown, false, None));
        check(never(), status(404), (Good, false, None));
        check(never(), None, (Unknown, false, None));
        check(again(), status(500), (Bad, false, None));
        check(again(), status(429), (Good, true, None));
        check(again(), Some((Ok(429), Some(7))), (Good, true, Some(7)));
        check(again(), Some((Ok(503), Some(7))), (Bad, true, Some(7)));
        check(again(), Some((Ok(503), Some(0))), (Bad, true, None));
        check(again(), Some((Ok(500), Some(7))), (Bad, false, None));
        check(
            CallResult::Ok,
            Some((Ok(503), Some(7))),
            (Good, false, None),
        );
        check(
            again(),
            Some((Err("refused".into()), None)),
            (Bad, false, None),
        );
        check(again(), None, (Bad, false, None));
        check(CallResult::Timeout, None, (Bad, true, None));
        check(late(), None, (Bad, true, None));
        check(trap(), None, (Unknown, false, None));
        check(trap(), status(200), (Good, false, None));
    }
}
