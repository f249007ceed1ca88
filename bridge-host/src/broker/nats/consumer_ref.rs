//! A reference to a consumer, with the limits that it sets for requests.
//!
//! `pull` sends the requests.

use std::time::Duration;

use super::ack_subject::AckSubject;
use super::stream::StreamRef;
use crate::broker::RemainingAttempts;
use crate::message::MessageId;

/// How long the server keeps a request.
const EXPIRES: Duration = Duration::from_secs(30);
/// The interval between two heartbeats of the server for a request.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A request that expires sooner has no heartbeat.
const SHORT: Duration = Duration::from_secs(1);
/// The most messages in one request.
const LARGEST: u64 = 512;

/// A consumer, as it was when it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConsumerRef {
    pub(super) stream: StreamRef,
    pub(super) name: String,
    pub(super) ack_wait: Duration,
    /// How many messages may be in flight on all hosts; `None` for any number.
    pub(super) max_ack_pending: Option<usize>,
    /// How often the consumer delivers a message at most.
    pub(super) max_deliver: Option<u64>,
    /// How many messages a request may ask for.
    pub(super) max_batch: Option<u64>,
    /// How long a request may last.
    pub(super) max_expires: Option<Duration>,
    /// The subjects that the consumer selects; if empty, all subjects.
    pub(super) filters: Vec<String>,
}

impl ConsumerRef {
    /// Returns the most messages in one request.
    pub(super) fn batch(&self) -> usize {
        let most = self.max_batch.map_or(LARGEST, |most| most.min(LARGEST));
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    pub(super) fn expires(&self) -> Duration {
        self.max_expires.map_or(EXPIRES, |most| most.min(EXPIRES))
    }

    /// Returns the interval between two heartbeats. `None` for requests that expire too soon for
    /// one.
    pub(super) fn heartbeat(&self) -> Option<Duration> {
        let expires = self.expires();
        (expires > SHORT).then(|| HEARTBEAT.min(expires / 2))
    }

    /// Returns how long the server may be silent: three heartbeats.
    pub(super) fn silence(&self) -> Duration {
        3 * self.heartbeat().unwrap_or(self.expires()) + SHORT
    }

    /// Returns the id for a message that has none. It contains the creation time of the stream, so
    /// that a new stream of this name has other ids.
    pub(super) fn id(&self, sequence: u64) -> Option<MessageId> {
        let StreamRef { name, created } = &self.stream;
        MessageId::parse(&format!("{name}-{created:x}-{sequence}")).ok()
    }

    /// Returns whether the consumer delivers the message again after this delivery.
    pub(super) fn remaining_attempts(&self, origin: &AckSubject) -> RemainingAttempts {
        let Some(most) = self.max_deliver else {
            return RemainingAttempts::Unlimited;
        };
        let (name, given) = (&self.name, origin.delivered);
        if given >= most && most > 1 {
            RemainingAttempts::Exhausted(format!(
                "the consumer {name} delivered it for the last time: its max_deliver is {most}"
            ))
        } else if given + 1 >= most {
            // One delivery is reserved: if the host dies during the last one, the message would be
            // lost.
            RemainingAttempts::Last(format!("the consumer {name} has max_deliver = {most}"))
        } else {
            RemainingAttempts::Unlimited
        }
    }

    /// Describes the differences to a newer state, for the log.
    pub(super) fn changes(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let mut compare = |what: &str, before: String, now: String| {
            if before != now {
                changes.push(format!("{what} was {before} and is {now}"));
            }
        };
        let wait = |it: &Self| format!("{:?}", it.ack_wait);
        compare("ack_wait", wait(self), wait(now));
        let most = |it: Option<u64>| it.map_or("unlimited".into(), |most| most.to_string());
        compare("max_deliver", most(self.max_deliver), most(now.max_deliver));
        compare("max_batch", most(self.max_batch), most(now.max_batch));
        let expires = |it: &Self| {
            it.max_expires
                .map_or("unlimited".into(), |it| format!("{it:?}"))
        };
        compare("max_expires", expires(self), expires(now));
        let filters = |it: &Self| match it.filters.is_empty() {
            true => ">".into(),
            false => it.filters.join(", "),
        };
        compare("the filter", filters(self), filters(now));
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn located() -> ConsumerRef {
        ConsumerRef {
            stream: StreamRef {
                name: "events".into(),
                created: 0xabc,
            },
            name: "orders".into(),
            ack_wait: Duration::from_secs(30),
            max_ack_pending: Some(1000),
            max_deliver: None,
            max_batch: None,
            max_expires: None,
            filters: vec!["orders.>".into()],
        }
    }

    fn given(delivered: u64) -> AckSubject {
        AckSubject {
            sequence: 7,
            delivered,
            consumer_sequence: 1,
            published: UNIX_EPOCH,
        }
    }

    #[test]
    fn requests_respect_the_limits() {
        let free = located();
        assert_eq!((free.batch(), free.expires()), (512, EXPIRES));
        assert_eq!(
            (free.heartbeat(), free.silence().as_secs()),
            (Some(HEARTBEAT), 16)
        );
        let tight = ConsumerRef {
            max_batch: Some(2),
            max_expires: Some(Duration::from_secs(3)),
            ..located()
        };
        assert_eq!((tight.batch(), tight.expires().as_secs()), (2, 3));
        assert_eq!(tight.heartbeat(), Some(Duration::from_millis(1500)));
        let tighter = ConsumerRef {
            max_expires: Some(Duration::from_millis(500)),
            ..located()
        };
        assert_eq!(tighter.heartbeat(), None);
    }

    #[test]
    fn the_last_delivery_is_reserved() {
        let three = ConsumerRef {
            max_deliver: Some(3),
            ..located()
        };
        assert_eq!(
            three.remaining_attempts(&given(1)),
            RemainingAttempts::Unlimited
        );
        assert!(matches!(
            three.remaining_attempts(&given(2)),
            RemainingAttempts::Last(_)
        ));
        assert!(matches!(
            three.remaining_attempts(&given(3)),
            RemainingAttempts::Exhausted(_)
        ));
        let one = ConsumerRef {
            max_deliver: Some(1),
            ..located()
        };
        assert!(matches!(
            one.remaining_attempts(&given(1)),
            RemainingAttempts::Last(_)
        ));
        assert_eq!(
            located().remaining_attempts(&given(1000)),
            RemainingAttempts::Unlimited
        );
    }

    #[test]
    fn ids_belong_to_one_stream() {
        assert_eq!(located().id(7).unwrap().as_str(), "events-abc-7");
        let mut another = located();
        another.stream.created += 1;
        assert_ne!(another.id(7), located().id(7));
    }

    #[test]
    fn changes_are_described() {
        let now = ConsumerRef {
            ack_wait: Duration::from_secs(5),
            filters: Vec::new(),
            ..located()
        };
        assert_eq!(
            located().changes(&now),
            [
                "ack_wait was 30s and is 5s",
                "the filter was orders.> and is >"
            ]
        );
        assert!(located().changes(&located()).is_empty());
    }
}
