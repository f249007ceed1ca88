//! The record of one call: its exchanges, and the responses that have to be read to their end after
//! the component has returned.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::Response;
use parking_lot::{Mutex, MutexGuard};
use wasmtime_wasi_http::WasiBody;

use super::open_response::OpenResponse;
use super::outcome::{ExchangeRecord, Failure, Unprocessed};
use super::wait_clock::WaitClock;
use crate::http::retry_after;
use crate::message::MessageId;

/// The record of one call. Clones share it with the tasks that carry out the exchanges.
#[derive(Clone, Default)]
pub(crate) struct CallRecord {
    inner: Arc<Mutex<Inner>>,
    waits: WaitClock,
    /// The record of the call on whose behalf this one is made.
    parent: Option<Arc<Mutex<Inner>>>,
}

/// Counts an exchange as in flight until it is dropped.
pub(crate) type InFlight = Arc<()>;

/// How many bytes of an error text the record keeps.
const LONGEST_REASON: usize = 1 << 10;

/// How many bytes one exchange occupies in the record.
pub(crate) const RECORD_SIZE: u64 = (LONGEST_REASON + 256) as u64;

#[derive(Default)]
struct Inner {
    exchanges: Vec<ExchangeRecord>,
    open: Vec<OpenResponse>,
    /// Each exchange in flight holds a clone.
    in_flight: InFlight,
    /// The ids of the requests whose responses become messages.
    reply_requests: Vec<MessageId>,
    /// Why the last exchange had no response, and the text that was recorded for it.
    cause: Option<(FailureCause, String)>,
    /// Why the endpoint did not process one of the requests.
    unprocessed: Option<Unprocessed>,
}

/// Why an exchange had no response.
pub(crate) enum FailureCause {
    /// The network failed, or the time ran out.
    Transport,
    /// An HTTP handler in process ended without a response.
    Handler(Failure),
    /// An HTTP handler in process set an error. The adapter only knows the name of the error, and
    /// its own text for it begins with this prefix.
    Answered(String),
}

/// One exchange in the record.
pub(crate) struct ExchangeSlot {
    record: CallRecord,
    index: usize,
    began: Instant,
    in_flight: InFlight,
}

impl CallRecord {
    /// Returns the record of a call that is made on behalf of another. An unprocessed request
    /// counts for both.
    pub(crate) fn nested_in(parent: &Self) -> Self {
        Self {
            parent: Some(parent.inner.clone()),
            ..Self::default()
        }
    }

    /// Adds an exchange to the record.
    pub(crate) fn begin(&self) -> ExchangeSlot {
        let mut inner = self.lock();
        inner.cause = None;
        inner.exchanges.push(ExchangeRecord {
            result: Err(ExchangeRecord::NOT_ANSWERED.into()),
            retry_after: None,
            took: Duration::ZERO,
        });
        ExchangeSlot {
            index: inner.exchanges.len() - 1,
            record: self.clone(),
            began: Instant::now(),
            in_flight: inner.in_flight.clone(),
        }
    }

    /// Returns how many exchanges are in flight.
    pub(crate) fn in_flight(&self) -> u32 {
        let others = Arc::strong_count(&self.lock().in_flight) - 1;
        u32::try_from(others).unwrap_or(u32::MAX)
    }

    /// Reads on in the responses that the component has dropped. Those that end are no longer in
    /// flight.
    pub(crate) fn advance(&self) {
        let open = self.take_open();
        open.iter().for_each(OpenResponse::advance);
        let mut inner = self.lock();
        let later = std::mem::replace(&mut inner.open, open);
        inner.open.extend(later);
    }

    /// Takes all exchanges, in the order in which they began.
    pub(crate) fn take_exchanges(&self) -> Vec<ExchangeRecord> {
        std::mem::take(&mut self.lock().exchanges)
    }

    /// Takes the responses that have not ended, in the order in which they arrived.
    pub(crate) fn take_open(&self) -> Vec<OpenResponse> {
        std::mem::take(&mut self.lock().open)
    }

    /// Takes the reason why the last exchange had no response, with the text that was recorded for
    /// it.
    pub(crate) fn take_cause(&self) -> Option<(FailureCause, String)> {
        self.lock().cause.take()
    }

    /// Returns why the endpoint did not process one of the requests.
    pub(crate) fn unprocessed(&self) -> Option<Unprocessed> {
        self.lock().unprocessed
    }

    /// Returns the clock of the call's waits for other components' instances.
    pub(crate) fn waits(&self) -> &WaitClock {
        &self.waits
    }

    fn mark_unprocessed(&self, unprocessed: Unprocessed) {
        self.inner.lock().unprocessed = Some(unprocessed);
        if let Some(parent) = &self.parent {
            parent.lock().unprocessed = Some(unprocessed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

impl ExchangeSlot {
    /// Notes that the response will become a message, and returns how many requests of this id did
    /// so before. Failed requests count, so a message gets the same number on each attempt.
    pub(crate) fn number_reply(&self, id: &MessageId) -> usize {
        let mut inner = self.record.lock();
        let before = inner
            .reply_requests
            .iter()
            .filter(|other| *other == id)
            .count();
        inner.reply_requests.push(id.clone());
        before
    }

    /// Records the head of the response.
    pub(crate) fn answered(&self, response: &Response<WasiBody>) {
        self.set(
            Ok(response.status().as_u16()),
            retry_after(response.headers(), SystemTime::now()),
        );
    }

    /// Records that there is no response.
    pub(crate) fn failed(&self, mut why: String, cause: FailureCause) {
        why.truncate(why.floor_char_boundary(LONGEST_REASON));
        why.shrink_to_fit();
        self.set(Err(why.clone()), None);
        self.record.lock().cause = Some((cause, why));
    }

    /// Returns a guard that counts the exchange as in flight.
    pub(crate) fn in_flight_guard(&self) -> InFlight {
        self.in_flight.clone()
    }

    /// Records that the endpoint did not process the request, whatever the component returns.
    pub(crate) fn mark_unprocessed(&self, unprocessed: Unprocessed) {
        self.record.mark_unprocessed(unprocessed);
    }

    /// Keeps a response that has to be read to its end.
    pub(crate) fn keep(&self, open: OpenResponse) {
        self.record.lock().open.push(open);
    }

    fn set(&self, result: Result<u16, String>, retry_after: Option<Duration>) {
        let took = self.began.elapsed();
        // The call may have ended without this exchange, and its record was taken.
        if let Some(exchange) = self.record.lock().exchanges.get_mut(self.index) {
            *exchange = ExchangeRecord {
                result,
                retry_after,
                took,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_numbered_in_the_order_of_their_requests() {
        let record = CallRecord::default();
        let [one, two] = ["one", "two"].map(|id| MessageId::parse(id).unwrap());
        let number = |id| record.begin().number_reply(id);
        // A request counts even if it fails.
        assert_eq!([number(&one), number(&two), number(&one)], [0, 0, 1]);
    }
}
