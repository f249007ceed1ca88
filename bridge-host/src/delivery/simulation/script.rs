//! A handler that follows a script, and remembers what it showed: the witness
//! that settlements are checked against.

use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::promises::Promises;
use super::random::Random;
use super::{MILLI, SECOND};
use crate::broker::Settlement;
use crate::delivery::Policy;
use crate::guest::{
    Call, CallResult, ExchangeRecord, Failure, MessageHandler, Outcome, Unprocessed,
};
use crate::message::MessageId;
use crate::trouble::Shortage;

/// How a message is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// Ok after this time.
    Ok(Duration),
    /// An exchange that may be made again, after this time.
    Busy(Duration),
    /// A 503 with this Retry-After.
    Asks(Duration),
    /// Never works.
    Never,
    /// Never returns.
    Hangs,
    /// This machine lacks what it takes.
    Hindered,
    /// The handler itself panics.
    Panics,
    /// Any of these, as chance has it, sometimes after a long time.
    Flaky,
}

/// What a call showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Delivered,
    Filtered,
    Passing,
    /// It is the component that failed.
    Failed,
    Final,
    Hindered,
    /// It was dropped before its end, after this time.
    Cut(Duration),
}

/// The handler: a nature for each message, flaky where none is told.
pub(super) struct Script {
    seed: u64,
    random: Mutex<Random>,
    natures: Mutex<HashMap<MessageId, Nature>>,
    shown: Mutex<HashMap<MessageId, Vec<Shown>>>,
    /// When the first call for a message began.
    first: Mutex<HashMap<MessageId, Instant>>,
    threads: Mutex<HashSet<ThreadId>>,
    calls: Mutex<Vec<MessageId>>,
    active: AtomicUsize,
    most_active: AtomicUsize,
    pub(super) promises: Promises,
}

impl Script {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            seed,
            random: Mutex::new(Random::new(seed)),
            natures: Mutex::default(),
            shown: Mutex::default(),
            first: Mutex::default(),
            threads: Mutex::default(),
            calls: Mutex::default(),
            active: AtomicUsize::new(0),
            most_active: AtomicUsize::new(0),
            promises: Promises::default(),
        })
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// From now on this message has this nature.
    pub(super) fn tell(&self, id: MessageId, nature: Nature) {
        self.natures.lock().insert(id, nature);
    }

    /// From now on all that were told of have this nature.
    pub(super) fn tell_all(&self, nature: Nature) {
        let mut natures = self.natures.lock();
        natures.values_mut().for_each(|one| *one = nature);
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.lock().len()
    }

    /// Which messages the calls were for, in their order.
    pub(super) fn called(&self) -> Vec<MessageId> {
        self.calls.lock().clone()
    }

    pub(super) fn active(&self) -> usize {
        self.active.load(SeqCst)
    }

    pub(super) fn most_active(&self) -> usize {
        self.most_active.load(SeqCst)
    }

    /// The threads that the calls were made on.
    pub(super) fn threads(&self) -> HashSet<ThreadId> {
        self.threads.lock().clone()
    }

    /// What is wrong, unless the last call for this message, or any where
    /// leases may overlap, showed what the settlement says.
    pub(super) fn check(
        &self,
        id: &MessageId,
        settlement: &Settlement,
        rule: &Rule,
    ) -> Option<String> {
        let first = self.first.lock().get(id).copied();
        let tried_for = first.map_or(Duration::ZERO, |first| first.elapsed());
        let shown = self.shown.lock();
        let shown = shown.get(id).map_or(&[][..], Vec::as_slice);
        if let (true, Settlement::DeadLetter(letter)) = (rule.in_place, settlement)
            && (shown.len() as u32) < letter.attempts
        {
            return Some(format!("{id} has more attempts than calls: {letter:?}"));
        }
        let last = shown.len().saturating_sub(1);
        let witnesses = if rule.overlaps { shown } else { &shown[last..] };
        let right = witnesses
            .iter()
            .any(|shown| rule.allows(*shown, settlement, tried_for));
        (!right).then(|| format!("{id} settled as {settlement:?} by {rule:?} after {shown:?}"))
    }

    /// Whether a call for it came to an end that is its last word.
    pub(super) fn is_done(&self, id: &MessageId) -> bool {
        let shown = self.shown.lock();
        let last = |shown: &Shown| {
            !matches!(
                shown,
                Shown::Passing | Shown::Failed | Shown::Hindered | Shown::Cut(_)
            )
        };
        shown.get(id).is_some_and(|all| all.iter().any(last))
    }

    /// Takes time, and shows something.
    async fn act(&self, nature: Nature) -> Outcome {
        match nature {
            Nature::Ok(time) => {
                sleep(time).await;
                outcome(CallResult::Ok, Some(200))
            }
            Nature::Busy(time) => {
                sleep(time).await;
                outcome(CallResult::Connection("503".into()), Some(503))
            }
            Nature::Asks(time) => {
                let mut busy = outcome(CallResult::Connection("503".into()), Some(503));
                busy.exchanges[0].retry_after = Some(time);
                busy
            }
            Nature::Hindered => hindered(),
            Nature::Never => outcome(CallResult::Other("410".into()), Some(410)),
            Nature::Hangs => std::future::pending().await,
            Nature::Panics => panic!("as the script has it"),
            Nature::Flaky => {
                let (time, outcome) = flaky(&mut self.random.lock());
                sleep(time).await;
                outcome.unwrap_or_else(|| panic!("as chance has it"))
            }
        }
    }
}

/// What a settlement is checked by.
#[derive(Debug)]
pub(super) struct Rule<'a> {
    pub(super) attempt: u32,
    pub(super) policy: &'a Policy,
    pub(super) overlaps: bool,
    /// Retries do not go through the broker: each attempt made one call.
    pub(super) in_place: bool,
}

impl Rule<'_> {
    /// `tried_for` is the time since its first call began.
    fn allows(&self, shown: Shown, settlement: &Settlement, tried_for: Duration) -> bool {
        let retry = &self.policy.retry;
        let failed = match shown {
            Shown::Passing | Shown::Failed => true,
            // Cut by its timeout; a shutdown would cut it earlier.
            Shown::Cut(after) => after >= self.policy.timeout,
            _ => false,
        };
        let most = match shown {
            Shown::Passing => retry.max_attempts,
            _ => Some(retry.component_attempts()),
        };
        let spent = most.is_some_and(|most| self.attempt >= most.get());
        let exhausted = spent || tried_for >= self.policy.max_age();
        match settlement {
            Settlement::Delivered => shown == Shown::Delivered,
            Settlement::Filtered => shown == Shown::Filtered,
            // The age may be reached while it is settled.
            Settlement::Retry(wait) => failed && !spent && *wait <= retry.max_delay,
            Settlement::DeadLetter(letter) => {
                let given_up = shown == Shown::Final || failed && exhausted;
                given_up && letter.attempts == self.attempt
            }
            // There is one broker, and it keeps its own.
            Settlement::Moved => false,
        }
    }
}

fn outcome(result: CallResult, status: Option<u16>) -> Outcome {
    let exchange = |status| ExchangeRecord {
        result: Ok(status),
        retry_after: None,
        took: MILLI,
    };
    Outcome {
        result,
        exchanges: status.map(exchange).into_iter().collect(),
        sent: 0,
        has_hidden_effects: false,
        replies: Vec::new(),
        unprocessed: None,
    }
}

fn hindered() -> Outcome {
    Outcome {
        unprocessed: Some(Unprocessed::Shortage(Shortage::Descriptors)),
        ..outcome(CallResult::Other("no".into()), None)
    }
}

/// Some time and some outcome; nothing is a panic.
fn flaky(random: &mut Random) -> (Duration, Option<Outcome>) {
    let time = match random.below(20) {
        0..10 => Duration::ZERO,
        10..18 => random.millis(1, 200),
        18 => random.millis(1000, 90_000),
        _ => 3600 * SECOND,
    };
    let outcome = match random.below(21) {
        0..8 => outcome(CallResult::Ok, Some(200)),
        8 => Outcome {
            sent: 1,
            ..outcome(CallResult::Ok, None)
        },
        9 => outcome(CallResult::Ok, None),
        10..12 => outcome(CallResult::Timeout, None),
        12..15 => {
            let mut busy = outcome(CallResult::Connection("503".into()), Some(503));
            let asked = random.chance(30).then(|| random.millis(0, 20_000));
            busy.exchanges[0].retry_after = asked;
            busy
        }
        15 => outcome(CallResult::Other("no".into()), Some(410)),
        16..19 => outcome(CallResult::Failed(failure(random)), None),
        19 => hindered(),
        _ => return (time, None),
    };
    (time, Some(outcome))
}

fn failure(random: &mut Random) -> Failure {
    match random.below(4) {
        0 => Failure::Trap {
            message: "unreachable".into(),
            backtrace: Some("0: f".into()),
        },
        1 => Failure::OutOfCpuTime(SECOND),
        2 => Failure::OutOfMemory(1),
        _ => Failure::Start("no".into()),
    }
}

/// A call under way, told of when it ends.
struct Witness<'a> {
    script: &'a Script,
    id: MessageId,
    began: Instant,
    probe: bool,
    shown: Option<Shown>,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        let shown = match self.shown {
            Some(shown) => shown,
            None if thread::panicking() => Shown::Failed,
            None => Shown::Cut(self.began.elapsed()),
        };
        let mut all = self.script.shown.lock();
        all.entry(self.id.clone()).or_default().push(shown);
        drop(all);
        self.script.promises.ended(self.probe, None);
        self.script.active.fetch_sub(1, SeqCst);
    }
}

impl MessageHandler for Script {
    fn handle(&self, call: Call) -> BoxFuture<'_, Outcome> {
        self.handled(call).boxed()
    }
}

impl Script {
    fn began(&self, id: &MessageId) {
        let mut first = self.first.lock();
        first.entry(id.clone()).or_insert_with(Instant::now);
    }

    async fn handled(&self, call: Call) -> Outcome {
        let probe = self.promises.begins(&call.id);
        self.calls.lock().push(call.id.clone());
        self.began(&call.id);
        let active = self.active.fetch_add(1, SeqCst) + 1;
        self.most_active.fetch_max(active, SeqCst);
        self.threads.lock().insert(thread::current().id());
        let told = self.natures.lock().get(&call.id).copied();
        let mut witness = Witness {
            script: self,
            id: call.id,
            began: Instant::now(),
            probe,
            shown: None,
        };
        let act = self.act(told.unwrap_or(Nature::Flaky));
        let outcome = match tokio::time::timeout(call.timeout, act).await {
            Ok(outcome) => outcome,
            Err(_) => outcome(CallResult::Failed(Failure::OutOfTime(call.timeout)), None),
        };
        self.promises.ended(probe, Some(&outcome));
        let gone = outcome.exchanges.is_empty() && outcome.sent == 0;
        witness.shown = Some(match &outcome.result {
            _ if outcome.hindered().is_some() => Shown::Hindered,
            CallResult::Ok if gone => Shown::Filtered,
            CallResult::Ok => Shown::Delivered,
            CallResult::Other(_) => Shown::Final,
            CallResult::Failed(_) => Shown::Failed,
            _ => Shown::Passing,
        });
        outcome
    }
}
