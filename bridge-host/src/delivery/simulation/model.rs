//! A model of a broker, in memory: leases, parked retries, order, redelivery of
//! unsettled messages, and random faults.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::SECOND;
use super::lease::Lease;
use super::random::Random;
use super::script::Script;
use crate::broker::{BrokerError, DeadLetter, Incoming, RemainingAttempts, ReplyTo, Subscription};
use crate::delivery::Policy;
use crate::message::{Message, MessageId};

/// The lease of a fetched message.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// The state of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Leased {
        token: u64,
        until: Instant,
    },
    ParkedMessage {
        until: Instant,
    },
    /// The message waits behind a dead letter.
    Blocked,
    Delivered,
    Filtered,
    Dead(DeadLetter),
}

impl State {
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Delivered | Self::Filtered | Self::Dead(_))
    }

    /// When the message can be fetched, if that is known.
    fn due(&self, now: Instant) -> Option<Instant> {
        match self {
            Self::Ready => Some(now),
            Self::Leased { until, .. } | Self::ParkedMessage { until } => Some(*until),
            _ => None,
        }
    }
}

/// How often, in percent, an operation fails.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) next: u64,
    pub(super) settle: u64,
    /// The broker settles, but its answer is lost.
    pub(super) answer: u64,
    pub(super) extend: u64,
    /// Whether a failed settlement keeps the lease.
    pub(super) keeps: bool,
    /// How many settlements fail first.
    pub(super) first_settles: u32,
}

pub(super) struct Entry {
    pub(super) id: MessageId,
    published: SystemTime,
    pub(super) state: State,
    /// The key that orders the message.
    pub(super) key: Option<u64>,
    /// The message waited for a dead letter, or is a replayed one.
    pub(super) waits: bool,
    /// The attempt of the next delivery, or of the current one.
    pub(super) attempt: u32,
    /// When the first attempt ended.
    pub(super) first: Option<Instant>,
}

pub(super) struct Inner {
    pub(super) entries: Vec<Entry>,
    pub(super) random: Random,
    pub(super) faults: Faults,
    /// How many receipts are held.
    pub(super) held: usize,
    pub(super) most_held: usize,
    /// Violations. A panic would end only its own task.
    pub(super) wrong: Vec<String>,
    tokens: u64,
}

/// The broker, with one subscription.
pub(super) struct Model {
    inner: Mutex<Inner>,
    /// A message may be due.
    due: Notify,
    /// Anything changed.
    changed: watch::Sender<()>,
    pub(super) policy: Policy,
    pub(super) script: Arc<Script>,
}

impl Model {
    pub(super) fn new(script: &Arc<Script>, policy: &Policy, faults: Faults) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                entries: Vec::new(),
                random: Random::new(!script.seed()),
                faults,
                held: 0,
                most_held: 0,
                wrong: Vec::new(),
                tokens: 0,
            }),
            due: Notify::new(),
            changed: watch::Sender::default(),
            policy: policy.clone(),
            script: script.clone(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Publishes a message.
    pub(super) fn publish(&self) -> MessageId {
        self.publish_with(None)
    }

    /// Publishes a message with this key.
    pub(super) fn publish_with(&self, key: Option<u64>) -> MessageId {
        let mut inner = self.lock();
        let id = MessageId::parse(&format!("m-{}", inner.entries.len())).unwrap();
        inner.entries.push(Entry {
            id: id.clone(),
            published: SystemTime::now(),
            state: State::Ready,
            key,
            waits: false,
            attempt: 1,
            first: None,
        });
        self.notify();
        id
    }

    /// Returns the position of a message in the order of publication, from 0.
    pub(super) fn position_of(&self, id: &MessageId) -> Option<usize> {
        self.lock().entries.iter().position(|entry| entry.id == *id)
    }

    /// Returns whether all earlier messages of the same key are settled.
    pub(super) fn may_begin(&self, id: &MessageId) -> bool {
        let inner = self.lock();
        let position = inner.entries.iter().position(|entry| entry.id == *id);
        let position = position.expect("it was published");
        let key = inner.entries[position].key;
        let mut before = inner.entries[..position].iter();
        let done = |entry: &Entry| {
            !entry.blocks() && (entry.state.is_final() || self.script.is_done(&entry.id))
        };
        self.policy.order.is_none()
            || key.is_none()
            || before.all(|entry| entry.key != key || done(entry))
    }

    /// Notifies the tasks that wait for a change.
    pub(super) fn notify(&self) {
        self.due.notify_one();
        self.changed.send_replace(());
    }

    pub(super) fn subscribe(self: &Arc<Self>) -> Box<dyn Subscription> {
        Box::new(Subscribed(self.clone()))
    }

    /// Returns the states of all messages.
    pub(super) fn states(&self) -> Vec<State> {
        let inner = self.lock();
        let states = inner.entries.iter().map(|entry| entry.state.clone());
        states.collect()
    }

    /// Waits until `holds` is true for the states of all messages.
    pub(super) async fn wait_until(&self, mut holds: impl FnMut(&[State]) -> bool) {
        let mut changes = self.changed.subscribe();
        let all = async {
            while !holds(&self.states()) {
                assert_eq!(self.lock().wrong, [""; 0]);
                changes.changed().await.unwrap();
            }
        };
        let month = 30 * 24 * 3600 * SECOND;
        if tokio::time::timeout(month, all).await.is_err() {
            panic!("stuck: {:?}", self.states());
        }
    }

    /// Waits until no message is pending.
    pub(super) async fn all_final(&self) {
        self.wait_until(|states| states.iter().all(State::is_final))
            .await;
    }

    /// Returns leased messages to the ready state after the engine crashed.
    pub(super) async fn forget_leases(&self) {
        while self.lock().held > 0 {
            tokio::task::yield_now().await;
        }
        for entry in &mut self.lock().entries {
            if matches!(entry.state, State::Leased { .. }) {
                entry.state = State::Ready;
            }
        }
        self.notify();
    }

    /// Returns the next message that is due, or when to look again.
    fn take(self: &Arc<Self>, only_fresh: bool) -> Result<Incoming, Option<Instant>> {
        let ordered = self.policy.ordered();
        let mut inner = self.lock();
        let held_back = if self.policy.order.is_some() { 1024 } else { 0 };
        inner.most_held = inner.most_held.max(inner.held + 1);
        if inner.held >= self.policy.max_in_flight + held_back {
            let wrong = "a message is fetched without a permit for it";
            inner.wrong.push(wrong.into());
        }
        let now = Instant::now();
        let pending = inner.entries.iter().enumerate();
        let pending = pending.filter(|(_, entry)| !only_fresh || entry.attempt == 1);
        let mut pending = pending.filter_map(|(index, entry)| Some((index, entry.state.due(now)?)));
        let (index, due) = match ordered {
            true => pending.next(),
            false => pending.min_by_key(|(index, due)| (*due > now, *due.max(&now), *index)),
        }
        .ok_or(None)?;
        if due > now {
            return Err(Some(due));
        }
        inner.tokens += 1;
        inner.held += 1;
        let token = inner.tokens;
        let entry = &mut inner.entries[index];
        let until = now + LEASE;
        entry.state = State::Leased { token, until };
        let lease = Lease::new(self.clone(), index, token, entry.attempt);
        let mut message = Message::new("orders.new", "secret data");
        if let Some(key) = entry.key {
            message.add_metadata("key", key.to_string());
        }
        Ok(Incoming {
            message: Arc::new(message),
            id: entry.id.clone(),
            attempt: entry.attempt,
            tried_for: entry.first.map(|first| first.elapsed()),
            remaining_attempts: RemainingAttempts::Unlimited,
            published: entry.published,
            reply_to: ReplyTo::Unsupported,
            receipt: Box::new(lease),
        })
    }
}

struct Subscribed(Arc<Model>);

#[async_trait]
impl Subscription for Subscribed {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(false).await
    }

    async fn next_fresh(&mut self) -> Result<Incoming, BrokerError> {
        self.next_of(true).await
    }
}

impl Subscribed {
    async fn next_of(&self, only_fresh: bool) -> Result<Incoming, BrokerError> {
        loop {
            let (fails, pause) = {
                let inner = &mut *self.0.lock();
                let fails = inner.random.chance(inner.faults.next);
                let pause = inner.random.chance(20).then(|| inner.random.millis(1, 20));
                (fails, pause)
            };
            if let Some(pause) = pause {
                sleep(pause).await;
            }
            if fails {
                return Err(BrokerError::unavailable(std::fmt::Error));
            }
            let again = match self.0.take(only_fresh) {
                Ok(incoming) => return Ok(incoming),
                Err(again) => again.unwrap_or(Instant::now() + 3600 * SECOND),
            };
            tokio::select! {
                () = sleep_until(again) => {}
                () = self.0.due.notified() => {}
            }
        }
    }
}
