//! The gate to the endpoint: no attempt begins while a Retry-After lasts,
//! while the breaker is open, or beyond the rate. How many are under way at
//! once is `limit`.

mod breaker;
mod rate;

use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

pub use breaker::BreakerState;

use super::policy::Policy;
use super::sign::{Health, Sign};
use breaker::{Breaker, Shut};
use rate::Bucket;

/// Lets attempts through, one by one: those of all deliveries that share it.
pub struct Gate {
    /// Each attempt has to ask. Otherwise only a pause is looked for.
    asks: bool,
    paused: AtomicBool,
    /// The longest pause; `None` where none is made.
    longest: Option<Duration>,
    state: Mutex<State>,
    /// Held by the one who is next, so that none is overtaken for ever.
    turn: tokio::sync::Mutex<()>,
    /// A probe has its result.
    changed: Notify,
    /// Those who wait for a message, and let go of their place when it shuts.
    intakes: Mutex<Vec<Weak<Notify>>>,
}

struct State {
    paused_until: Option<Instant>,
    breaker: Option<Breaker>,
    bucket: Option<Bucket>,
}

/// The right to begin one attempt. A probe must be told of or given up.
#[derive(Debug)]
pub(super) struct Pass {
    probe: bool,
}

impl Pass {
    /// Whether others wait for what it shows.
    pub(super) fn is_probe(&self) -> bool {
        self.probe
    }
}

impl Gate {
    /// One with the limits of this policy.
    pub fn new(policy: &Policy) -> Self {
        Self {
            asks: policy.circuit_breaker.is_some() || policy.rate.is_some(),
            paused: AtomicBool::new(false),
            longest: policy.pause.then_some(policy.retry.max_delay),
            state: Mutex::new(State {
                paused_until: None,
                breaker: policy.circuit_breaker.map(Breaker::new),
                bucket: policy.rate.map(Bucket::new),
            }),
            turn: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            intakes: Mutex::default(),
        }
    }

    /// Tells this one, too, whenever an attempt shows that the gate is shut.
    pub(super) fn tell(&self, intake: &Arc<Notify>) {
        self.intakes().push(Arc::downgrade(intake));
    }

    /// Begins an attempt where nobody has to ask; of no consequence if none begins.
    pub(super) fn free(&self) -> Option<Pass> {
        let free = !self.asks && !self.paused.load(Relaxed);
        free.then_some(Pass { probe: false })
    }

    /// Begins an attempt, if one may begin now.
    pub(super) fn try_enter(&self) -> Option<Pass> {
        if let Some(pass) = self.free() {
            return Some(pass);
        }
        // Whoever waits was there before.
        let _turn = self.turn.try_lock().ok()?;
        self.enter_now(Instant::now()).ok()
    }

    /// Waits until an attempt may begin, and begins it.
    pub(super) async fn enter(&self) -> Pass {
        if let Some(pass) = self.try_enter() {
            return pass;
        }
        let _turn = self.turn.lock().await;
        self.when(|now| self.enter_now(now)).await
    }

    /// Waits until an attempt might begin: before that there is no use for a
    /// message.
    pub(super) async fn open(&self) {
        if self.free().is_none() {
            self.when(|now| self.lock().ask(now)).await;
        }
    }

    /// Whether an attempt might begin now.
    pub(super) fn is_open(&self) -> bool {
        self.free().is_some() || self.lock().ask(Instant::now()).is_ok()
    }

    async fn when<T>(&self, try_now: impl Fn(Instant) -> Result<T, Shut>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            match try_now(Instant::now()) {
                Ok(done) => return done,
                Err(Shut::Probing) => changed.await,
                Err(Shut::Until(then)) => tokio::select! {
                    () = sleep_until(then) => {}
                    () = changed => {}
                },
            }
        }
    }

    fn enter_now(&self, now: Instant) -> Result<Pass, Shut> {
        let mut state = self.lock();
        state.ask(now)?;
        if state.paused_until.take().is_some() {
            self.paused.store(false, Relaxed);
        }
        if let Some(bucket) = &mut state.bucket {
            bucket.take(now);
        }
        let probe = state.breaker.as_mut().is_some_and(Breaker::begin);
        Ok(Pass { probe })
    }

    /// What an attempt showed. Where the gate is shut now, the rate apart, those
    /// who wait for a message learn of it.
    pub(super) fn told(&self, probe: bool, sign: &Sign) {
        let pause = sign.pause.zip(self.longest);
        if !self.asks && pause.is_none() {
            return;
        }
        let now = Instant::now();
        let mut state = self.lock();
        if let Some(breaker) = &mut state.breaker {
            breaker.told(probe, sign.health, now);
        }
        if let Some((asked, longest)) = pause {
            let until = now + asked.min(longest);
            state.paused_until = state.paused_until.max(Some(until));
            self.paused.store(true, Relaxed);
        }
        let shut = state.is_shut(now).is_err();
        drop(state);
        if probe {
            self.changed.notify_waiters();
        }
        if shut {
            let intakes = self.intakes();
            let living = intakes.iter().filter_map(Weak::upgrade);
            living.for_each(|intake| intake.notify_one());
        }
    }

    /// A probe did not come to its end.
    pub(super) fn given_up(&self) {
        let sign = Sign {
            health: Health::Unknown,
            overloaded: false,
            pause: None,
        };
        self.told(true, &sign);
    }

    /// The state of the breaker, where there is one.
    pub(super) fn breaker(&self) -> Option<BreakerState> {
        self.lock().breaker.as_ref().map(Breaker::state)
    }

    /// For how long yet the endpoint asked to be left alone.
    pub(super) fn paused(&self) -> Option<Duration> {
        let until = self.lock().paused_until?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn intakes(&self) -> MutexGuard<'_, Vec<Weak<Notify>>> {
        self.intakes.lock()
    }
}

impl State {
    fn ask(&self, now: Instant) -> Result<(), Shut> {
        self.is_shut(now)?;
        match &self.bucket {
            Some(bucket) => bucket.ask(now).map_err(Shut::Until),
            None => Ok(()),
        }
    }

    fn is_shut(&self, now: Instant) -> Result<(), Shut> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(Shut::Until(until));
        }
        self.breaker.as_ref().map_or(Ok(()), |it| it.ask(now))
    }
}
