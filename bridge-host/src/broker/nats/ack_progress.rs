//! How far a consumer was acknowledged, as far as that is seen from here: where
//! it goes on if someone deletes it.

use std::collections::BTreeSet;

use super::ack_subject::AckSubject;

/// What came from a consumer and was not acknowledged. Right for all hosts
/// while every delivery comes here; else the server's own word is used.
#[derive(Debug, Default)]
pub(super) struct AckProgress {
    /// All up to this number were acknowledged, the server said.
    floor: u64,
    /// The number of the consumer's last delivery that is known.
    delivered: u64,
    /// The highest number of a message that came.
    highest: u64,
    /// Came here, and not acknowledged yet.
    open: BTreeSet<u64>,
    /// A delivery went elsewhere, or was lost on its way.
    is_shared: bool,
}

/// What a server says of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConsumerState {
    /// All messages up to this one were acknowledged.
    pub(super) floor: u64,
    /// How often it delivered one.
    pub(super) delivered: u64,
    /// The highest number of a message that it delivered.
    pub(super) last: u64,
    /// How many are not acknowledged.
    pub(super) unacknowledged: usize,
    /// How many were never delivered.
    pub(super) pending: u64,
}

impl AckProgress {
    pub(super) fn took(&mut self, origin: &AckSubject) {
        self.is_shared |= origin.consumer_sequence > self.delivered + 1;
        self.delivered = self.delivered.max(origin.consumer_sequence);
        self.highest = self.highest.max(origin.sequence);
        self.open.insert(origin.sequence);
    }

    pub(super) fn acknowledged(&mut self, sequence: u64) {
        self.open.remove(&sequence);
    }

    /// Takes the server's word.
    pub(super) fn told(&mut self, standing: ConsumerState) {
        self.floor = standing.floor;
        self.open = self.open.split_off(&(standing.floor + 1));
        // All that is not acknowledged is here, and nothing is on its way.
        self.is_shared = standing.unacknowledged != self.open.len();
        self.delivered = self.delivered.max(standing.delivered);
    }

    /// All up to this number were acknowledged.
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
    fn alone_it_is_known_to_the_message() {
        let mut progress = AckProgress::default();
        progress.told(standing(10, 12, 0));
        assert_eq!(progress.floor(), 10);
        for (n, sequence) in [(13, 11), (14, 15), (15, 16)] {
            progress.took(&origin(sequence, n));
        }
        progress.acknowledged(15);
        assert_eq!(progress.floor(), 10);
        progress.acknowledged(11);
        assert_eq!(progress.floor(), 15);
        // Given back, it comes again.
        progress.took(&origin(16, 16));
        progress.acknowledged(16);
        assert_eq!(progress.floor(), 16);
    }

    #[test]
    fn what_others_have_is_not_passed_over() {
        let mut progress = AckProgress::default();
        progress.told(standing(10, 10, 0));
        progress.took(&origin(12, 12));
        progress.acknowledged(12);
        assert_eq!(progress.floor(), 10, "11 went elsewhere");
        progress.told(standing(10, 12, 1));
        assert_eq!(progress.floor(), 10);
        progress.told(standing(12, 12, 0));
        assert_eq!(progress.floor(), 12, "the other acknowledged it");
        progress.took(&origin(13, 13));
        progress.acknowledged(13);
        assert_eq!(progress.floor(), 13);
    }
}
