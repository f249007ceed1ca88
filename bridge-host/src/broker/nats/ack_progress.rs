//! How far the messages of a consumer are acknowledged, as this host knows. If someone deletes the
//! consumer, it is created again at this position.
//!
//! `consumer` reads the server's state.

use std::collections::BTreeSet;

use super::ack_subject::AckSubject;

/// The deliveries of a consumer that are not acknowledged. The floor is exact while this host
/// receives all deliveries; otherwise the server's last report is used.
#[derive(Debug, Default)]
pub(super) struct AckProgress {
    /// All messages up to this number are acknowledged, as the server last reported.
    floor: u64,
    /// The highest known consumer sequence.
    delivered: u64,
    /// The highest stream sequence that this host received.
    highest: u64,
    /// The stream sequences that this host received and did not acknowledge.
    open: BTreeSet<u64>,
    /// Whether another host received a delivery, or a delivery was lost.
    is_shared: bool,
}

/// The state of a consumer, as the server reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConsumerState {
    /// All messages up to this stream sequence are acknowledged.
    pub(super) floor: u64,
    /// The consumer sequence of the last delivery.
    pub(super) delivered: u64,
    /// The highest stream sequence that was delivered.
    pub(super) last: u64,
    /// How many messages are delivered but not acknowledged.
    pub(super) unacknowledged: usize,
    /// How many messages were never delivered.
    pub(super) pending: u64,
}

impl AckProgress {
    pub(super) fn record_delivery(&mut self, origin: &AckSubject) {
        self.is_shared |= origin.consumer_sequence > self.delivered + 1;
        self.delivered = self.delivered.max(origin.consumer_sequence);
        self.highest = self.highest.max(origin.sequence);
        self.open.insert(origin.sequence);
    }

    pub(super) fn acknowledged(&mut self, sequence: u64) {
        self.open.remove(&sequence);
    }

    /// Records the state that the server reports.
    pub(super) fn record_state(&mut self, standing: ConsumerState) {
        self.floor = standing.floor;
        self.open = self.open.split_off(&(standing.floor + 1));
        // If the numbers agree, this host has all unacknowledged messages.
        self.is_shared = standing.unacknowledged != self.open.len();
        self.delivered = self.delivered.max(standing.delivered);
    }

    /// Returns the stream sequence up to which all messages are acknowledged.
    pub(super) fn floor(&self) -> u64 {
        let here = match self.open.first() {
            _ if self.is_shared => 0,
            Some(first) => first - 1,
            None => self.highest,
        };
        self.floor.max(here)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn origin(sequence: u64, consumer_sequence: u64) -> AckSubject {
        AckSubject {
            sequence,
            delivered: 1,
            consumer_sequence,
            published: UNIX_EPOCH,
        }
    }

    fn standing(floor: u64, delivered: u64, unacknowledged: usize) -> ConsumerState {
        ConsumerState {
            floor,
            delivered,
            last: delivered,
            unacknowledged,
            pending: 0,
        }
    }

    #[test]
    fn a_single_host_knows_the_exact_floor() {
        let mut progress = AckProgress::default();
        progress.record_state(standing(10, 12, 0));
        assert_eq!(progress.floor(), 10);
        for (n, sequence) in [(13, 11), (14, 15), (15, 16)] {
            progress.record_delivery(&origin(sequence, n));
        }
        progress.acknowledged(15);
        assert_eq!(progress.floor(), 10);
        progress.acknowledged(11);
        assert_eq!(progress.floor(), 15);
        // The message was given back, and is delivered again.
        progress.record_delivery(&origin(16, 16));
        progress.acknowledged(16);
        assert_eq!(progress.floor(), 16);
    }

    #[test]
    fn messages_of_other_hosts_hold_the_floor() {
        let mut progress = AckProgress::default();
        progress.record_state(standing(10, 10, 0));
        progress.record_delivery(&origin(12, 12));
        progress.acknowledged(12);
        assert_eq!(progress.floor(), 10, "11 went elsewhere");
        progress.record_state(standing(10, 12, 1));
        assert_eq!(progress.floor(), 10);
        progress.record_state(standing(12, 12, 0));
        assert_eq!(progress.floor(), 12, "the other acknowledged it");
        progress.record_delivery(&origin(13, 13));
        progress.acknowledged(13);
        assert_eq!(progress.floor(), 13);
    }
}
