//! The record of one call: the exchanges that it made, and those of them whose
//! response is not done with when its head is there.

use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::Response;
use wasmtime_wasi_http::WasiBody;

use super::open_response::Open;
use super::outcome::{ExchangeRecord, Failure, Unmade};
use super::wait_clock::WaitClock;
use crate::http::retry_after;
use crate::message::MessageId;

/// Shared with the tasks that carry the exchanges out.
#[derive(Clone, Default)]
pub(crate) struct CallRecord {
    inner: Arc<Mutex<Inner>>,
    waits: WaitClock,
    /// The record of the call that this one is made for.
    above: Option<Arc<Mutex<Inner>>>,
}

/// An exchange of which the response is not read to its end. Dropped, it counts
/// no more.
pub(crate) type UnderWay = Arc<()>;

/// The longest text that the record keeps of a failure, in bytes.
const LONGEST_REASON: usize = 1 << 10;

/// What an exchange takes in the record, in bytes.
pub(crate) const RECORDED: u64 = (LONGEST_REASON + 256) as u64;

#[derive(Default)]
struct Inner {
    exchanges: Vec<ExchangeRecord>,
    open: Vec<Open>,
    /// Each exchange that is under way has a clone.
    under_way: UnderWay,
    /// The ids of requests whose responses become messages.
    asked: Vec<MessageId>,
    /// Why the last exchange had no response, and what was recorded of it.
    cause: Option<(Cause, String)>,
    /// Why one of the exchanges was none.
    unmade: Option<Unmade>,
}

/// What is to blame for an exchange without a response.
pub(crate) enum Cause {
    /// The network, or the time.
    Transport,
    /// An HTTP handler in process, which ended without an answer.
    Handler(Failure),
    /// One that set an error. The adapter, which knows the error's name alone,
    /// begins its own words for it like this.
    Answered(String),
}

/// The place of one exchange in the record.
pub(crate) struct ExchangeSlot {
    record: CallRecord,
    place: usize,
    began: Instant,
    under_way: UnderWay,
}

impl CallRecord {
    /// The record of a call that is made for another: an exchange that was none
    /// for the one, was none for both.
    pub(crate) fn under(above: &Self) -> Self {
        Self {
            above: Some(above.inner.clone()),
            ..Self::default()
        }
    }

    /// An exchange begins.
    pub(crate) fn begin(&self) -> ExchangeSlot {
        let mut inner = self.lock();
        inner.cause = None;
        inner.exchanges.push(ExchangeRecord {
            result: Err(ExchangeRecord::UNDER_WAY.into()),
            retry_after: None,
            took: Duration::ZERO,
        });
        ExchangeSlot {
            place: inner.exchanges.len() - 1,
            record: self.clone(),
            began: Instant::now(),
            under_way: inner.under_way.clone(),
        }
    }

    /// How many exchanges are under way.
    pub(crate) fn under_way(&self) -> u32 {
        let others = Arc::strong_count(&self.lock().under_way) - 1;
        u32::try_from(others).unwrap_or(u32::MAX)
    }

    /// Reads on in the responses that the component has let go: those that end
    /// are under way no more.
    pub(crate) fn advance(&self) {
        let open = self.take_open();
        open.iter().for_each(Open::advance);
        let mut inner = self.lock();
        let later = std::mem::replace(&mut inner.open, open);
        inner.open.extend(later);
    }

    /// All exchanges, in the order in which they began.
    pub(crate) fn take_exchanges(&self) -> Vec<ExchangeRecord> {
        std::mem::take(&mut self.lock().exchanges)
    }

    /// The responses that are not done with, in the order in which they came.
    pub(crate) fn take_open(&self) -> Vec<Open> {
        std::mem::take(&mut self.lock().open)
    }

    /// Why the last exchange had no response, and what was recorded of it.
    pub(crate) fn take_cause(&self) -> Option<(Cause, String)> {
        self.lock().cause.take()
    }

    /// Why one of the exchanges was none.
    pub(crate) fn unmade(&self) -> Option<Unmade> {
        self.lock().unmade
    }

    /// Its waits for instances of others.
    pub(crate) fn waits(&self) -> &WaitClock {
        &self.waits
    }

    fn was_none(&self, unmade: Unmade) {
        self.inner.lock().unmade = Some(unmade);
        if let Some(above) = &self.above {
            above.lock().unmade = Some(unmade);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

impl ExchangeSlot {
    /// Its response becomes a message, if it comes: how many others of this id
    /// were asked for before, whatever became of them. So the number is the same
    /// on each attempt.
    pub(crate) fn asked_for(&self, id: &MessageId) -> usize {
        let mut inner = self.record.lock();
        let before = inner.asked.iter().filter(|other| *other == id).count();
        inner.asked.push(id.clone());
        before
    }

    /// The head of the response is there.
    pub(crate) fn answered(&self, response: &Response<WasiBody>) {
        self.set(
            Ok(response.status().as_u16()),
            retry_after(response.headers(), SystemTime::now()),
        );
    }

    /// There is no response, and why.
    pub(crate) fn failed(&self, mut why: String, cause: Cause) {
        why.truncate(why.floor_char_boundary(LONGEST_REASON));
        why.shrink_to_fit();
        self.set(Err(why.clone()), None);
        self.record.lock().cause = Some((cause, why));
    }

    /// Has the exchange count as under way for as long as this is kept.
    pub(crate) fn stays_under_way(&self) -> UnderWay {
        self.under_way.clone()
    }

    /// The exchange was none: whatever the component makes of that.
    pub(crate) fn was_none(&self, unmade: Unmade) {
        self.record.was_none(unmade);
    }

    /// The response is not done with.
    pub(crate) fn keep(&self, open: Open) {
        self.record.lock().open.push(open);
    }

    fn set(&self, result: Result<u16, String>, retry_after: Option<Duration>) {
        let took = self.began.elapsed();
        // The record may have been taken meanwhile: the call did not wait.
        if let Some(exchange) = self.record.lock().exchanges.get_mut(self.place) {
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
    fn replies_are_numbered_as_they_are_asked_for() {
        let record = CallRecord::default();
        let [one, two] = ["one", "two"].map(|id| MessageId::parse(id).unwrap());
        let asked = |id| record.begin().asked_for(id);
        // Whatever becomes of the first.
        assert_eq!([asked(&one), asked(&two), asked(&one)], [0, 0, 1]);
    }
}
