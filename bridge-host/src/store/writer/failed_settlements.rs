//! Settlements that cannot be written although others can. Each is retried alone, after waits that
//! double. An immediate redelivery would repeat as fast as the endpoint answers.

use std::time::{Duration, Instant};

use super::Writer;
use crate::store::error::WriteFault;
use crate::store::settle::SettleCommand;

/// The wait after the first failure; it doubles after each further one.
const FIRST: Duration = Duration::from_millis(500);
/// After this many failures, the message is delivered again.
const MOST: u32 = 6;

impl Writer {
    /// Schedules the retry of a settlement that failed alone.
    pub(super) fn try_later(&mut self, mut settle: SettleCommand, fault: &WriteFault) {
        settle.failures += 1;
        if settle.failures >= MOST {
            return settle.failed(fault.for_caller());
        }
        if settle.failures == 1 {
            tracing::error!(
                subscription = settle.feed.name,
                seq = settle.seq,
                "the store refused a settlement, which is retried: {}",
                fault.for_caller()
            );
        }
        let wait = FIRST * 2u32.pow(settle.failures - 1);
        self.faulty.push((Instant::now() + wait, settle));
    }

    /// Writes the settlements that are due; all of them if the writer ends.
    pub(super) fn try_faulty(&mut self, last: bool) {
        if self.faulty.is_empty() {
            return;
        }
        let now = Instant::now();
        let due = |(at, _): &mut (Instant, SettleCommand)| last || *at <= now;
        let due: Vec<_> = self.faulty.extract_if(.., due).collect();
        for (_, settle) in due {
            self.write_more(Vec::new(), vec![settle]);
        }
    }
}
