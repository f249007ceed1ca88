//! Works a lane off: one message of a key after the other, each to its end. A
//! retry waits here, with its message leased and its place given back. In the
//! broker it would lose its turn after a restart, when those behind it come
//! first.

mod identity;
mod turn;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{sleep, timeout};

use super::attempt::make;
use super::engine::Engine;
use super::in_flight::InFlight;
use super::lanes::{Held, Lane};
use super::lease::{EXTEND_EVERY, LEASE, extend_every};
use super::log::Story;
use super::settle::{Keepsake, settle};
use super::stats::Settled;
use super::tried::Tried;
use crate::broker::{Incoming, Receipt, Settlement};
use identity::Identity;

/// How long one that could not be settled is awaited, until those behind it
/// go on: brokers redeliver after 30 seconds. One that was settled after all,
/// with the answer lost, does not come again.
const REDELIVERY: Duration = Duration::from_secs(60);

/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Delivers the first message of a key and all that came behind it. Dropped
/// before its end, it gives them back.
pub(super) async fn deliver(first: Incoming, in_flight: InFlight, lane: Lane) {
    let engine = in_flight.engine().clone();
    let mut worker = Worker {
        head: Identity::of(&first),
        again: None,
        behind: VecDeque::new(),
        lane,
        engine,
    };
    let mut next = Some((first, Some(in_flight)));
    while let Some((incoming, in_flight)) = next {
        if worker.deliver(incoming, in_flight).await == End::Draining {
            return;
        }
        next = worker.next().map(|incoming| (incoming, None));
    }
}

struct Worker {
    /// The message that all others wait for.
    head: Identity,
    /// It came once more: its lease ran out, or it could not be settled.
    again: Option<Incoming>,
    behind: VecDeque<Held>,
    lane: Lane,
    engine: Arc<Engine>,
}

#[derive(PartialEq, Eq)]
enum End {
    /// The next one may go.
    Settled,
    /// Nothing begins any more.
    Draining,
}

impl Worker {
    /// One message, with all its attempts.
    async fn deliver(&mut self, incoming: Incoming, in_flight: Option<InFlight>) -> End {
        self.head = Identity::of(&incoming);
        // One that came late is of the message before: it is given back.
        self.again = None;
        let mut in_flight = in_flight;
        let asks = self.engine.blocked.suspected(&incoming.message).is_some();
        let turn = self.turn(incoming).await;
        let gives_up_its_place = match &turn {
            // While it asked, a pause may have begun.
            Ok(_) => asks,
            Err(end) => *end == End::Settled,
        };
        if let Some(place) = in_flight.take_if(|_| gives_up_its_place) {
            drop(place.settled(Settled::Waits));
        }
        let mut head = match turn {
            Ok(head) => head,
            Err(end) => return end,
        };
        let mut first = None;
        loop {
            let place = match in_flight.take() {
                Some(place) => place,
                None => match self.begin(&mut head).await {
                    Some(place) => place,
                    None => return End::Draining,
                },
            };
            let policy = &self.engine.delivery.policy;
            let tried = *first.get_or_insert_with(|| Tried::of(&head, policy));
            let Some(settlement) = self.attempt(&mut head, tried, &place).await else {
                return End::Draining;
            };
            let wait = match settlement {
                Settlement::Retry(wait) => wait,
                last => match self.settle(head, tried, place, last).await {
                    Ok(end) => return end,
                    Err(again) => {
                        head = *again;
                        continue;
                    }
                },
            };
            if self.engine.is_draining() {
                return End::Draining;
            }
            drop(place.settled(Settled::Retried));
            head.attempt += 1;
            if self.wait(&mut head, sleep(wait)).await.is_none() {
                return End::Draining;
            }
        }
    }

    /// Takes a place, and passes the gate.
    async fn begin(&mut self, head: &mut Incoming) -> Option<InFlight> {
        let engine = self.engine.clone();
        self.wait(head, InFlight::begin(&engine)).await
    }

    /// Holds the message until then, unless nothing begins any more.
    async fn wait<T>(&mut self, head: &mut Incoming, until: impl Future<Output = T>) -> Option<T> {
        let _seat = self.lane.seat(head);
        let engine = self.engine.clone();
        let done = tokio::select! {
            biased;
            () = engine.draining() => None,
            done = until => Some(done),
            never = self.keep(Some(&mut head.receipt)) => match never {},
        };
        self.take_again(head);
        done
    }

    async fn attempt(
        &mut self,
        head: &mut Incoming,
        tried: Tried,
        place: &InFlight,
    ) -> Option<Settlement> {
        let engine = self.engine.clone();
        let story = story(&engine, head);
        let reply_to = head.reply_to.clone();
        let settlement = tokio::select! {
            biased;
            settlement = make(reply_to, head.remaining_attempts.in_hand(), place, &mut *head.receipt, &story, tried) => settlement,
            never = self.keep(None) => match never {},
        };
        self.take_again(head);
        settlement
    }

    /// The last word on a message. Where the broker did not take it, the
    /// message may come again: then it still is the one to go on with.
    async fn settle(
        &mut self,
        head: Incoming,
        tried: Tried,
        place: InFlight,
        settlement: Settlement,
    ) -> Result<End, Box<Incoming>> {
        let engine = self.engine.clone();
        let story = story(&engine, &head);
        let settlement = self.blocking(&head, settlement);
        let mut keepsake = Keepsake::of(&head.message, head.published, tried, &*head.receipt);
        let dead_letters = &*engine.delivery.dead_letters;
        let mut receipt = head.receipt;
        loop {
            let keepsake = keepsake.take();
            let settled = tokio::select! {
                biased;
                settled = settle(receipt, &settlement, keepsake, dead_letters, &story) => settled,
                never = self.keep(None) => match never {},
            };
            self.take_in();
            if !settled {
                drop(place);
                return self.redelivered().await;
            }
            // Come again meanwhile, it is held by that receipt.
            match self.again.take() {
                Some(again) => receipt = again.receipt,
                None => break,
            }
        }
        let age = SystemTime::now().duration_since(head.published);
        drop(place.settled(Settled::new(&settlement, age.unwrap_or_default())));
        Ok(End::Settled)
    }

    /// Waits for a message that could not be settled to come again.
    async fn redelivered(&mut self) -> Result<End, Box<Incoming>> {
        let mut left = REDELIVERY;
        while self.again.is_none() && !left.is_zero() {
            let engine = self.engine.clone();
            tokio::select! {
                biased;
                () = engine.draining() => return Ok(End::Draining),
                () = sleep(LOOK_EVERY) => {}
                never = self.keep(None) => match never {},
            }
            // While the gate is shut it could not come.
            if engine.is_asking() {
                left = left.saturating_sub(LOOK_EVERY);
            }
            self.take_in();
        }
        match self.again.take() {
            Some(again) => Err(Box::new(again)),
            None => Ok(End::Settled),
        }
    }

    /// Extends the leases of all that wait, again and again.
    async fn keep(&mut self, mut head: Option<&mut Box<dyn Receipt>>) -> Infallible {
        loop {
            let behind = self.behind.iter().map(|held| &held.incoming.receipt);
            let all = head.as_deref().into_iter().chain(behind);
            let every = all.map(|receipt| extend_every(&**receipt)).min();
            let every = every.unwrap_or(EXTEND_EVERY);
            sleep(every).await;
            self.take_in();
            let behind = self.behind.iter_mut();
            let behind = behind.map(|held| &mut held.incoming.receipt);
            let all = head.as_deref_mut().into_iter().chain(behind);
            let extend = async {
                for receipt in all {
                    // One that runs out comes again, and takes its place here.
                    _ = receipt.extend(LEASE).await;
                }
            };
            // One that hangs must not keep the others from the next round.
            _ = timeout(every, extend).await;
        }
    }

    /// Sorts in what came. What is here already came again: the newer receipt
    /// is the one that holds.
    fn take_in(&mut self) {
        for held in self.lane.inbox() {
            if self.head.is(&held.incoming) {
                if let Some(older) = self.again.replace(held.incoming) {
                    older.receipt.superseded();
                }
                continue;
            }
            let came = Identity::of(&held.incoming);
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

    /// Goes on with the newer receipt, where there is one.
    fn take_again(&mut self, head: &mut Incoming) {
        self.take_in();
        if let Some(again) = self.again.take() {
            std::mem::replace(&mut head.receipt, again.receipt).superseded();
        }
    }

    /// The next message of the key; the lane ends with the last one.
    fn next(&mut self) -> Option<Incoming> {
        self.take_in();
        loop {
            if let Some(held) = self.behind.pop_front() {
                return Some(held.incoming);
            }
            if self.lane.close() {
                return None;
            }
            self.take_in();
        }
    }
}

fn story<'a>(engine: &'a Engine, head: &Incoming) -> Story<'a> {
    Story {
        storms: &engine.storms,
        subscription: &engine.delivery.name,
        id: head.id.clone(),
        message: head.message.clone(),
        published: head.published,
        attempt: head.attempt,
    }
}
