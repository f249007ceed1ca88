//! Admits attempts to an endpoint: none begins while a Retry-After lasts, while
//! the circuit breaker is open, or beyond the rate limit. `concurrency_limit`
//! bounds how many attempts run at once.

mod circuit_breaker;
mod token_bucket;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

pub use circuit_breaker::CircuitState;

use super::endpoint_signal::{EndpointSignal, Health};
use super::policy::Policy;
use circuit_breaker::{CircuitBreaker, NotAdmitted};
use token_bucket::TokenBucket;

/// Admits attempts one by one. Deliveries to the same endpoint share a gate.
pub struct AdmissionGate {
    /// Whether there is a breaker or a rate limit, so that each attempt needs
    /// admission. Without one, only a pause can close the gate.
    has_limits: bool,
    paused: AtomicBool,
    /// The longest pause that a Retry-After may cause; `None` if it causes no
    /// pause.
    max_pause: Option<Duration>,
    state: Mutex<State>,
    /// Held by the attempt that is admitted next, so that attempts are admitted
    /// in their order.
    queue: tokio::sync::Mutex<()>,
    /// Notified when the result of a probe is known.
    probe_ended: Notify,
    /// Tasks that wait for a message. They release their permit when the gate
    /// closes.
    fetchers: Mutex<Vec<Weak<Notify>>>,
}

struct State {
    paused_until: Option<Instant>,
    breaker: Option<CircuitBreaker>,
    bucket: Option<TokenBucket>,
}

/// The right to begin one attempt. The result of a probe must be recorded, or the
/// probe abandoned.
#[derive(Debug)]
pub(super) struct AdmissionPass {
    probe: bool,
}

impl AdmissionPass {
    /// Returns whether the attempt is a probe of the circuit breaker.
    pub(super) fn is_probe(&self) -> bool {
        self.probe
    }
}

impl AdmissionGate {
    /// Creates a gate with the limits of this policy.
    pub fn new(policy: &Policy) -> Self {
        Self {
            has_limits: policy.circuit_breaker.is_some() || policy.rate.is_some(),
            paused: AtomicBool::new(false),
            max_pause: policy.pause.then_some(policy.retry.max_delay),
            state: Mutex::new(State {
                paused_until: None,
                breaker: policy.circuit_breaker.map(CircuitBreaker::new),
                bucket: policy.rate.map(TokenBucket::new),
            }),
            queue: tokio::sync::Mutex::default(),
            probe_ended: Notify::new(),
            fetchers: Mutex::default(),
        }
    }

    /// Registers a notification for when an attempt shows that the gate is
    /// closed.
    pub(super) fn notify_when_closed(&self, fetcher: &Arc<Notify>) {
        self.fetchers().push(Arc::downgrade(fetcher));
    }

    /// Admits an attempt if nothing limits attempts now. The pass may be dropped
    /// unused.
    pub(super) fn admit_unlimited(&self) -> Option<AdmissionPass> {
        let free = !self.has_limits && !self.paused.load(Relaxed);
        free.then_some(AdmissionPass { probe: false })
    }

    /// Admits an attempt if one may begin now.
    pub(super) fn try_admit(&self) -> Option<AdmissionPass> {
        if let Some(pass) = self.admit_unlimited() {
            return Some(pass);
        }
        // Attempts that wait have precedence.
        let _turn = self.queue.try_lock().ok()?;
        self.admit_now(Instant::now()).ok()
    }

    /// Waits until an attempt may begin, and admits it.
    pub(super) async fn admit(&self) -> AdmissionPass {
        if let Some(pass) = self.try_admit() {
            return pass;
        }
        let _turn = self.queue.lock().await;
        self.wait_for(|now| self.admit_now(now)).await
    }

    /// Waits until an attempt may begin, without admitting one. Before that,
    /// fetching a message is useless.
    pub(super) async fn wait_until_open(&self) {
        if self.admit_unlimited().is_none() {
            self.wait_for(|now| self.state.lock().check(now)).await;
        }
    }

    /// Returns whether an attempt may begin now.
    pub(super) fn is_open(&self) -> bool {
        self.admit_unlimited().is_some() || self.state.lock().check(Instant::now()).is_ok()
    }

    async fn wait_for<T>(&self, try_now: impl Fn(Instant) -> Result<T, NotAdmitted>) -> T {
        loop {
            let mut probe_ended = std::pin::pin!(self.probe_ended.notified());
            probe_ended.as_mut().enable();
            match try_now(Instant::now()) {
                Ok(done) => return done,
                Err(NotAdmitted::Probing) => probe_ended.await,
                Err(NotAdmitted::Until(then)) => tokio::select! {
                    () = sleep_until(then) => {}
                    () = probe_ended => {}
                },
            }
        }
    }

    fn admit_now(&self, now: Instant) -> Result<AdmissionPass, NotAdmitted> {
        let mut state = self.state.lock();
        state.check(now)?;
        if state.paused_until.take().is_some() {
            self.paused.store(false, Relaxed);
        }
        if let Some(bucket) = &mut state.bucket {
            bucket.take(now);
        }
        let probe = state
            .breaker
            .as_mut()
            .is_some_and(CircuitBreaker::begin_attempt);
        Ok(AdmissionPass { probe })
    }

    /// Records the result of an attempt. If the gate is closed now, for another
    /// reason than the rate, it notifies the tasks that wait for a message.
    pub(super) fn record(&self, probe: bool, signal: &EndpointSignal) {
        let pause = signal.pause.zip(self.max_pause);
        if !self.has_limits && pause.is_none() {
            return;
        }
        let now = Instant::now();
        let mut state = self.state.lock();
        if let Some(breaker) = &mut state.breaker {
            breaker.record(probe, signal.health, now);
        }
        if let Some((wait, max_pause)) = pause {
            let until = now + wait.min(max_pause);
            state.paused_until = state.paused_until.max(Some(until));
            self.paused.store(true, Relaxed);
        }
        let closed = state.check_open(now).is_err();
        drop(state);
        if probe {
            self.probe_ended.notify_waiters();
        }
        if closed {
            let fetchers = self.fetchers();
            let living = fetchers.iter().filter_map(Weak::upgrade);
            living.for_each(|fetcher| fetcher.notify_one());
        }
    }

    /// Ends a probe that has no result.
    pub(super) fn abandon_probe(&self) {
        let signal = EndpointSignal {
            health: Health::Unknown,
            overloaded: false,
            pause: None,
        };
        self.record(true, &signal);
    }

    /// Returns the state of the circuit breaker, if there is one.
    pub(super) fn circuit_state(&self) -> Option<CircuitState> {
        self.state
            .lock()
            .breaker
            .as_ref()
            .map(CircuitBreaker::state)
    }

    /// Returns how much of a Retry-After is left.
    pub(super) fn paused(&self) -> Option<Duration> {
        let until = self.state.lock().paused_until?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn fetchers(&self) -> MutexGuard<'_, Vec<Weak<Notify>>> {
        self.fetchers.lock()
    }
}

impl State {
    fn check(&self, now: Instant) -> Result<(), NotAdmitted> {
        self.check_open(now)?;
        match &self.bucket {
            Some(bucket) => bucket.check(now).map_err(NotAdmitted::Until),
            None => Ok(()),
        }
    }

    fn check_open(&self, now: Instant) -> Result<(), NotAdmitted> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(NotAdmitted::Until(until));
        }
        self.breaker.as_ref().map_or(Ok(()), |it| it.check(now))
    }
}
