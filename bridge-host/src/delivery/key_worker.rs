//! Delivers the messages of one key, one after the other, each until it is
//! settled. A retry waits in memory, with its lease extended and its permit
//! released. If it waited at the broker, then after a restart the broker would
//! deliver the messages behind it first.

mod message_identity;
mod turn;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{sleep, timeout};

use super::attempt::make_attempt;
use super::attempt_history::AttemptHistory;
use super::engine::DeliveryEngine;
use super::in_flight::InFlightGuard;
use super::key_queues::{KeyQueue, QueuedMessage};
use super::lease::{EXTEND_EVERY, LEASE, extend_every};
use super::log::DeliveryLog;
use super::settle::{DeadLetterDraft, settle};
use super::stats::CountedSettlement;
use crate::broker::{Incoming, Receipt, Settlement};
use message_identity::MessageIdentity;

/// How long the worker waits for the redelivery of a message that could not be
/// settled, before it goes on with the next one. Brokers redeliver after 30
/// seconds. No redelivery comes if the broker settled the message and only its
/// answer was lost.
const REDELIVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// The time between two checks for a redelivery.
const REDELIVERY_POLL: Duration = Duration::from_millis(500);

/// Delivers the first message of a key and the messages behind it. If the future
/// is dropped early, all of them are redelivered.
pub(super) async fn deliver(first: Incoming, in_flight: InFlightGuard, queue: KeyQueue) {
    let engine = in_flight.engine().clone();
    let mut worker = KeyWorker {
        head: MessageIdentity::of(&first),
        redelivery: None,
        behind: VecDeque::new(),
        queue,
        engine,
    };
    let mut next = Some((first, Some(in_flight)));
    while let Some((incoming, in_flight)) = next {
        if worker.deliver(incoming, in_flight).await == DeliveryEnd::Draining {
            return;
        }
        next = worker.next().map(|incoming| (incoming, None));
    }
}

struct KeyWorker {
    /// The message that the others wait for.
    head: MessageIdentity,
    /// A redelivery of that message: its lease expired, or it could not be
    /// settled.
    redelivery: Option<Incoming>,
    behind: VecDeque<QueuedMessage>,
    queue: KeyQueue,
    engine: Arc<DeliveryEngine>,
}

#[derive(PartialEq, Eq)]
enum DeliveryEnd {
    /// The next message of the key may begin.
    Settled,
    /// The engine drains: nothing begins any more.
    Draining,
}

impl KeyWorker {
    /// Delivers one message, with all its attempts.
    async fn deliver(
        &mut self,
        incoming: Incoming,
        in_flight: Option<InFlightGuard>,
    ) -> DeliveryEnd {
        self.head = MessageIdentity::of(&incoming);
        // A late redelivery belongs to the message before: it is given back.
        self.redelivery = None;
        let mut in_flight = in_flight;
        let turn_needed = self
            .engine
            .blocked_keys
            .may_be_blocked(&incoming.message)
            .is_some();
        let turn = self.wait_for_turn(incoming).await;
        let releases_permit = match &turn {
            // A pause may have begun while the worker asked.
            Ok(_) => turn_needed,
            Err(end) => *end == DeliveryEnd::Settled,
        };
        if let Some(in_flight) = in_flight.take_if(|_| releases_permit) {
            drop(in_flight.count_settled(CountedSettlement::Waits));
        }
        match turn {
            Ok(head) => self.attempt_until_settled(head, in_flight).await,
            Err(end) => end,
        }
    }

    /// Makes attempts until the message is settled or the engine drains. The first attempt
    /// uses the permit of `in_flight`, if there is one.
    async fn attempt_until_settled(
        &mut self,
        mut head: Incoming,
        mut in_flight: Option<InFlightGuard>,
    ) -> DeliveryEnd {
        let mut first = None;
        loop {
            let in_flight = match in_flight.take() {
                Some(in_flight) => in_flight,
                None => match self.begin(&mut head).await {
                    Some(in_flight) => in_flight,
                    None => return DeliveryEnd::Draining,
                },
            };
            let policy = &self.engine.delivery.policy;
            let history = *first.get_or_insert_with(|| AttemptHistory::of(&head, policy));
            let Some(settlement) = self.attempt(&mut head, history, &in_flight).await else {
                return DeliveryEnd::Draining;
            };
            let wait = match settlement {
                Settlement::Retry(wait) => wait,
                last => match self.settle(head, history, in_flight, last).await {
                    Ok(end) => return end,
                    Err(again) => {
                        head = *again;
                        continue;
                    }
                },
            };
            if self.engine.is_draining() {
                return DeliveryEnd::Draining;
            }
            drop(in_flight.count_settled(CountedSettlement::Retried));
            head.attempt += 1;
            if self.wait(&mut head, sleep(wait)).await.is_none() {
                return DeliveryEnd::Draining;
            }
        }
    }

    /// Acquires a permit and admission.
    async fn begin(&mut self, head: &mut Incoming) -> Option<InFlightGuard> {
        let engine = self.engine.clone();
        self.wait(head, InFlightGuard::begin(&engine)).await
    }

    /// Holds the message until `until` completes. Returns `None` if the engine
    /// drains.
    async fn wait<T>(&mut self, head: &mut Incoming, until: impl Future<Output = T>) -> Option<T> {
        let _space = self.queue.reserve(head);
        let engine = self.engine.clone();
        let done = tokio::select! {
            biased;
            () = engine.wait_until_draining() => None,
            done = until => Some(done),
            never = self.keep_leases(Some(&mut head.receipt)) => match never {},
        };
        self.use_newer_receipt(head);
        done
    }

    async fn attempt(
        &mut self,
        head: &mut Incoming,
        history: AttemptHistory,
        in_flight: &InFlightGuard,
    ) -> Option<Settlement> {
        let engine = self.engine.clone();
        let log = delivery_log(&engine, head);
        let reply_to = head.reply_to.clone();
        let settlement = tokio::select! {
            biased;
            settlement = make_attempt(reply_to, head.remaining_attempts.in_hand(), in_flight, &mut *head.receipt, &log, history) => settlement,
            never = self.keep_leases(None) => match never {},
        };
        self.use_newer_receipt(head);
        settlement
    }

    /// Settles a message finally. If the broker did not accept the settlement,
    /// returns the redelivered message, which the worker then goes on with.
    async fn settle(
        &mut self,
        head: Incoming,
        history: AttemptHistory,
        in_flight: InFlightGuard,
        settlement: Settlement,
    ) -> Result<DeliveryEnd, Box<Incoming>> {
        let engine = self.engine.clone();
        let log = delivery_log(&engine, &head);
        let settlement = self.mark_key_blocked(&head, settlement);
        let mut draft = DeadLetterDraft::of(&head.message, head.published, history, &*head.receipt);
        let dead_letters = &*engine.delivery.dead_letters;
        let mut receipt = head.receipt;
        loop {
            let draft = draft.take();
            let settled = tokio::select! {
                biased;
                settled = settle(receipt, &settlement, draft, dead_letters, &log) => settled,
                never = self.keep_leases(None) => match never {},
            };
            self.take_arrivals();
            if !settled {
                drop(in_flight);
                return self.wait_for_redelivery().await;
            }
            // A redelivery replaced the receipt meanwhile, so the new receipt has
            // to be settled.
            match self.redelivery.take() {
                Some(again) => receipt = again.receipt,
                None => break,
            }
        }
        let age = SystemTime::now().duration_since(head.published);
        drop(in_flight.count_settled(CountedSettlement::new(&settlement, age.unwrap_or_default())));
        Ok(DeliveryEnd::Settled)
    }

    /// Waits for the redelivery of a message that could not be settled.
    async fn wait_for_redelivery(&mut self) -> Result<DeliveryEnd, Box<Incoming>> {
        let mut left = REDELIVERY_TIMEOUT;
        while self.redelivery.is_none() && !left.is_zero() {
            let engine = self.engine.clone();
            tokio::select! {
                biased;
                () = engine.wait_until_draining() => return Ok(DeliveryEnd::Draining),
                () = sleep(REDELIVERY_POLL) => {}
                never = self.keep_leases(None) => match never {},
            }
            // While the gate is closed, no redelivery can arrive.
            if engine.is_fetching() {
                left = left.saturating_sub(REDELIVERY_POLL);
            }
            self.take_arrivals();
        }
        match self.redelivery.take() {
            Some(again) => Err(Box::new(again)),
            None => Ok(DeliveryEnd::Settled),
        }
    }

    /// Extends the leases of all messages that wait, repeatedly.
    async fn keep_leases(&mut self, mut head: Option<&mut Box<dyn Receipt>>) -> Infallible {
        loop {
            let behind = self.behind.iter().map(|held| &held.incoming.receipt);
            let all = head.as_deref().into_iter().chain(behind);
            let every = all.map(|receipt| extend_every(&**receipt)).min();
            let every = every.unwrap_or(EXTEND_EVERY);
            sleep(every).await;
            self.take_arrivals();
            let behind = self.behind.iter_mut();
            let behind = behind.map(|held| &mut held.incoming.receipt);
            let all = head.as_deref_mut().into_iter().chain(behind);
            let extend = async {
                for receipt in all {
                    // After a failed extension the message is redelivered and
                    // keeps its position.
                    _ = receipt.extend(LEASE).await;
                }
            };
            // An extension that hangs must not delay the next round.
            _ = timeout(every, extend).await;
        }
    }

    /// Sorts the messages that arrived into the queue. A message that is already
    /// queued was redelivered: the newer receipt replaces the older one.
    fn take_arrivals(&mut self) {
        for held in self.queue.take_inbox() {
            if self.head.is(&held.incoming) {
                if let Some(older) = self.redelivery.replace(held.incoming) {
                    older.receipt.superseded();
                }
                continue;
            }
            let came = MessageIdentity::of(&held.incoming);
            let mut behind = self.behind.iter_mut();
            match behind.find(|one| came.is(&one.incoming)) {
                Some(older) => {
                    let older = std::mem::replace(older, held);
                    older.incoming.receipt.superseded();
                }
                None => self.behind.push_back(held),
            }
        }
    }

    /// Replaces the receipt if the message was redelivered.
    fn use_newer_receipt(&mut self, head: &mut Incoming) {
        self.take_arrivals();
        if let Some(again) = self.redelivery.take() {
            std::mem::replace(&mut head.receipt, again.receipt).superseded();
        }
    }

    /// Returns the next message of the key. Closes the queue after the last one.
    fn next(&mut self) -> Option<Incoming> {
        self.take_arrivals();
        loop {
            if let Some(held) = self.behind.pop_front() {
                return Some(held.incoming);
            }
            if self.queue.close() {
                return None;
            }
            self.take_arrivals();
        }
    }
}

/// Creates the log context of a message.
fn delivery_log<'a>(engine: &'a DeliveryEngine, head: &Incoming) -> DeliveryLog<'a> {
    DeliveryLog {
        throttles: &engine.throttles,
        subscription: &engine.delivery.name,
        id: head.id.clone(),
        message: head.message.clone(),
        published: head.published,
        attempt: head.attempt,
    }
}
