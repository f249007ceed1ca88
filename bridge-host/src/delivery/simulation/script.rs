//! A handler that follows a script and records what each call showed. The model
//! checks settlements against that record.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::invariants::Invariants;
use super::random::Random;
use super::{MILLI, SECOND};
use crate::broker::Settlement;
use crate::delivery::Policy;
use crate::guest::{
    Call, CallResult, ExchangeRecord, Failure, MessageHandler, Outcome, Unprocessed,
};
use crate::message::MessageId;
use crate::trouble::Shortage;

/// How the handler behaves for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Returns ok after this time.
    Ok(Duration),
    /// Returns a 503 after this time.
    Busy(Duration),
    /// Returns a 503 with this Retry-After.
    RetryAfter(Duration),
    /// Returns a permanent failure.
    Never,
    /// Never returns.
    Hangs,
    /// Reports that this machine lacks file descriptors.
    Hindered,
    /// Panics.
    Panics,
    /// Does any of these at random, sometimes after a long time.
    Flaky,
}

/// What a call showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Observed {
    Delivered,
    Filtered,
    Passing,
    /// The component failed.
    Failed,
    Final,
    Hindered,
    /// The call was dropped after this time.
    Cut(Duration),
}

/// The handler: a behaviour for each message, flaky by default.
pub(super) struct Script {
    seed: u64,
    random: Mutex<Random>,
    behaviours: Mutex<HashMap<MessageId, Behaviour>>,
    observed: Mutex<HashMap<MessageId, Vec<Observed>>>,
    /// When the first call for a message began.
    first: Mutex<HashMap<MessageId, Instant>>,
    threads: Mutex<HashSet<ThreadId>>,
    calls: Mutex<Vec<MessageId>>,
    active: AtomicUsize,
    most_active: AtomicUsize,
    pub(super) invariants: Invariants,
}

impl Script {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            seed,
            random: Mutex::new(Random::new(seed)),
            behaviours: Mutex::default(),
            observed: Mutex::default(),
            first: Mutex::default(),
            threads: Mutex::default(),
            calls: Mutex::default(),
            active: AtomicUsize::new(0),
            most_active: AtomicUsize::new(0),
            invariants: Invariants::default(),
        })
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Sets the behaviour for a message.
    pub(super) fn set(&self, id: MessageId, behaviour: Behaviour) {
        self.behaviours.lock().insert(id, behaviour);
    }

    /// Sets the behaviour for all messages that have one.
    pub(super) fn set_all(&self, behaviour: Behaviour) {
        let mut behaviours = self.behaviours.lock();
        behaviours.values_mut().for_each(|one| *one = behaviour);
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.lock().len()
    }

    /// Returns the messages of the calls, in order.
    pub(super) fn called(&self) -> Vec<MessageId> {
        self.calls.lock().clone()
    }

    pub(super) fn active(&self) -> usize {
        self.active.load(SeqCst)
    }

    pub(super) fn most_active(&self) -> usize {
        self.most_active.load(SeqCst)
    }

    /// Returns the threads that made the calls.
    pub(super) fn threads(&self) -> HashSet<ThreadId> {
        self.threads.lock().clone()
    }

    /// Returns a violation unless the last call for the message justifies the
    /// settlement; if leases may overlap, unless any call does.
    pub(super) fn check(
        &self,
        id: &MessageId,
        settlement: &Settlement,
        rule: &Rule,
    ) -> Option<String> {
        let first = self.first.lock().get(id).copied();
        let tried_for = first.map_or(Duration::ZERO, |first| first.elapsed());
        let observed = self.observed.lock();
        let observed = observed.get(id).map_or(&[][..], Vec::as_slice);
        if let (true, Settlement::DeadLetter(letter)) = (rule.in_place, settlement)
            && (observed.len() as u32) < letter.attempts
        {
            return Some(format!("{id} has more attempts than calls: {letter:?}"));
        }
        let last = observed.len().saturating_sub(1);
        let witnesses = if rule.overlaps {
            observed
        } else {
            &observed[last..]
        };
        let right = witnesses
            .iter()
            .any(|observed| rule.allows(*observed, settlement, tried_for));
        (!right).then(|| format!("{id} settled as {settlement:?} by {rule:?} after {observed:?}"))
    }

    /// Returns whether a call for the message had a final result.
    pub(super) fn is_done(&self, id: &MessageId) -> bool {
        let observed = self.observed.lock();
        let last = |observed: &Observed| {
            !matches!(
                observed,
                Observed::Passing | Observed::Failed | Observed::Hindered | Observed::Cut(_)
            )
        };
        observed.get(id).is_some_and(|all| all.iter().any(last))
    }

    /// Acts as the behaviour says.
    async fn act(&self, behaviour: Behaviour) -> Outcome {
        match behaviour {
            Behaviour::Ok(time) => {
                sleep(time).await;
                outcome(CallResult::Ok, Some(200))
            }
            Behaviour::Busy(time) => {
                sleep(time).await;
                outcome(CallResult::Connection("503".into()), Some(503))
            }
            Behaviour::RetryAfter(time) => {
                let mut busy = outcome(CallResult::Connection("503".into()), Some(503));
                busy.exchanges[0].retry_after = Some(time);
                busy
            }
            Behaviour::Hindered => hindered(),
            Behaviour::Never => outcome(CallResult::Other("410".into()), Some(410)),
            Behaviour::Hangs => std::future::pending().await,
            Behaviour::Panics => panic!("as the script has it"),
            Behaviour::Flaky => {
                let (time, outcome) = flaky(&mut self.random.lock());
                sleep(time).await;
                outcome.unwrap_or_else(|| panic!("as chance has it"))
            }
        }
    }
}

/// What a settlement is checked against.
#[derive(Debug)]
pub(super) struct Rule<'a> {
    pub(super) attempt: u32,
    pub(super) policy: &'a Policy,
    pub(super) overlaps: bool,
    /// Whether retries stay with the engine, so that each attempt makes one call.
    pub(super) in_place: bool,
}

impl Rule<'_> {
    /// Returns whether the call justifies the settlement. `tried_for` is the time
    /// since the first call began.
    fn allows(&self, observed: Observed, settlement: &Settlement, tried_for: Duration) -> bool {
        let retry = &self.policy.retry;
        let failed = match observed {
            Observed::Passing | Observed::Failed => true,
            // Dropped by the timeout; a shutdown would drop it earlier.
            Observed::Cut(after) => after >= self.policy.timeout,
            _ => false,
        };
        let most = match observed {
            Observed::Passing => retry.max_attempts,
            _ => Some(retry.component_attempts()),
        };
        let spent = most.is_some_and(|most| self.attempt >= most.get());
        let exhausted = spent || tried_for >= self.policy.max_age();
        match settlement {
            Settlement::Delivered => observed == Observed::Delivered,
            Settlement::Filtered => observed == Observed::Filtered,
            // The age may be reached during the settlement.
            Settlement::Retry(wait) => failed && !spent && *wait <= retry.max_delay,
            Settlement::DeadLetter(letter) => {
                let given_up = observed == Observed::Final || failed && exhausted;
                given_up && letter.attempts == self.attempt
            }
            // There is one broker, and it keeps its own dead letters.
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

/// Returns a random duration and outcome; `None` stands for a panic.
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

/// A running call, which is recorded when it ends.
struct ObservedCall<'a> {
    script: &'a Script,
    id: MessageId,
    began: Instant,
    probe: bool,
    observed: Option<Observed>,
}

impl Drop for ObservedCall<'_> {
    fn drop(&mut self) {
        let observed = match self.observed {
            Some(observed) => observed,
            None if thread::panicking() => Observed::Failed,
            None => Observed::Cut(self.began.elapsed()),
        };
        let mut all = self.script.observed.lock();
        all.entry(self.id.clone()).or_default().push(observed);
        drop(all);
        self.script.invariants.ended(self.probe, None);
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
        let probe = self.invariants.begins(&call.id);
        self.calls.lock().push(call.id.clone());
        self.began(&call.id);
        let active = self.active.fetch_add(1, SeqCst) + 1;
        self.most_active.fetch_max(active, SeqCst);
        self.threads.lock().insert(thread::current().id());
        let set = self.behaviours.lock().get(&call.id).copied();
        let mut call_record = ObservedCall {
            script: self,
            id: call.id,
            began: Instant::now(),
            probe,
            observed: None,
        };
        let act = self.act(set.unwrap_or(Behaviour::Flaky));
        let outcome = match tokio::time::timeout(call.timeout, act).await {
            Ok(outcome) => outcome,
            Err(_) => outcome(CallResult::Failed(Failure::OutOfTime(call.timeout)), None),
        };
        self.invariants.ended(probe, Some(&outcome));
        let gone = outcome.exchanges.is_empty() && outcome.sent == 0;
        call_record.observed = Some(match &outcome.result {
            _ if outcome.hindered().is_some() => Observed::Hindered,
            CallResult::Ok if gone => Observed::Filtered,
            CallResult::Ok => Observed::Delivered,
            CallResult::Other(_) => Observed::Final,
            CallResult::Failed(_) => Observed::Failed,
            _ => Observed::Passing,
        });
        outcome
    }
}
