//! The ledger of all subscriptions: the totals that their brokers keep, or that this
//! process counted since its start, and the counters of their deliveries. Serving the
//! ledger stays out: `admin` does it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::brokers::Brokers;
use super::subscription::ReadySubscription;
use crate::admin;
use crate::broker::Broker;
use crate::delivery::{CircuitState, CombinedStats, Counters, Flow};
use crate::ingest::IntakeState;
use crate::store::Ledger;

/// Reads the figures of all subscriptions.
pub(super) struct LedgerView {
    brokers: Arc<Brokers>,
    subscriptions: Vec<RunningSubscription>,
    intake_state: Arc<IntakeState>,
}

/// A subscription of this process.
struct RunningSubscription {
    name: String,
    from: Arc<dyn Broker>,
    stats: CombinedStats,
    publishes_dead_letters: bool,
    /// The last known number of messages that are pending at its broker.
    pending: AtomicU64,
}

impl LedgerView {
    pub(super) fn new(
        brokers: &Arc<Brokers>,
        subscriptions: &[ReadySubscription],
        intake_state: &Arc<IntakeState>,
    ) -> Self {
        let stats = |ready: &ReadySubscription| {
            let shares = ready.shares.iter();
            CombinedStats::new(shares.map(|it| it.delivery.stats.clone()).collect())
        };
        let known = |ready: &ReadySubscription| RunningSubscription {
            name: ready.name.clone(),
            from: ready.from.clone(),
            stats: stats(ready),
            publishes_dead_letters: ready.publishes_dead_letters,
            pending: AtomicU64::new(0),
        };
        Self {
            brokers: brokers.clone(),
            subscriptions: subscriptions.iter().map(known).collect(),
            intake_state: intake_state.clone(),
        }
    }
}

#[async_trait]
impl admin::Ledger for LedgerView {
    /// Returns an object with `subscriptions`, each with its ledger and its counters since
    /// the start, and with `unrouted`, the number of messages since the start that matched
    /// no subscription, if it is known.
    async fn read(&self) -> Result<Value, String> {
        let mut local = HashMap::new();
        let mut entries = Vec::new();
        for (_, store) in self.brokers.stores() {
            for ledger in store.ledgers().await.map_err(|e| e.to_string())? {
                let known = self
                    .subscriptions
                    .iter()
                    .find(|one| one.name == ledger.subscription);
                match known {
                    // This store has its dead letters only.
                    Some(known) if known.is_remote() => {
                        local.insert(ledger.subscription.clone(), ledger);
                    }
                    known => entries.push(entry(&ledger, known.map(|known| &known.stats))),
                }
            }
        }
        for known in self.subscriptions.iter().filter(|one| one.is_remote()) {
            let pending = known.from.pending(&known.name).await;
            let ledger = known.ledger(pending, local.get(&known.name));
            let mut entry = entry(&ledger, Some(&known.stats));
            entry["counted"] = json!("by this host, since its start");
            entries.push(entry);
        }
        entries.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
        let mut all = json!({ "subscriptions": entries });
        if let Some(unrouted) = self.intake_state.unrouted() {
            all["unrouted"] = unrouted.into();
        }
        Ok(all)
    }
}

impl RunningSubscription {
    fn is_remote(&self) -> bool {
        self.from.store().is_none()
    }

    /// Returns the ledger of a subscription whose broker keeps none. This process counts
    /// it, except for the messages that are pending at the broker, and for dead letters in
    /// the local store, which survive a restart.
    fn ledger(&self, pending: Option<u64>, local: Option<&Ledger>) -> Ledger {
        let Counters {
            delivered,
            filtered,
            in_flight,
            dead_lettered: dead_lettered_since_start,
            ..
        } = self.stats.counters();
        let at_broker = match pending {
            Some(pending) => {
                self.pending.store(pending, Ordering::Relaxed);
                pending
            }
            None => self.pending.load(Ordering::Relaxed).max(in_flight),
        };
        let (dead_lettered, dropped, replayed, blocked) = local.map_or((0, 0, 0, 0), |l| {
            (l.dead_lettered, l.dropped, l.pending, l.blocked)
        });
        let dead_lettered = match self.publishes_dead_letters {
            true => dead_lettered.max(dead_lettered_since_start),
            false => dead_lettered,
        };
        let pending = at_broker + replayed;
        Ledger {
            subscription: self.name.clone(),
            accepted: delivered + filtered + dead_lettered + pending,
            delivered,
            filtered,
            dead_lettered,
            dropped,
            blocked,
            pending,
        }
    }
}

fn entry(ledger: &Ledger, stats: Option<&CombinedStats>) -> Value {
    let mut entry = json!(ledger);
    if let Some(stats) = stats {
        let counters = stats.counters();
        entry["since_start"] = json!({
            "attempts": counters.attempts,
            "retried": counters.retried,
            "given_back": counters.given_back,
            "in_flight": counters.in_flight,
            "latency_ms": quantiles(|share| stats.latency(share)),
            "attempt_ms": quantiles(|share| stats.attempt(share)),
        });
        if let Some(flow) = stats.flow() {
            entry["since_start"]["flow"] = self::flow(&flow);
        }
    }
    entry
}

/// Returns what limits deliveries now. `circuit_breaker` is null without a circuit
/// breaker.
fn flow(flow: &Flow) -> Value {
    let breaker = flow.breaker.map(|breaker| match breaker {
        CircuitState::Closed => "closed",
        CircuitState::Open => "open",
        CircuitState::HalfOpen => "half-open",
    });
    json!({
        "limit": flow.limit,
        "circuit_breaker": breaker,
        "paused_ms": flow.paused.map(|left| left.as_millis() as u64),
        "held_back": flow.held_back,
    })
}

/// Returns quantiles in milliseconds; null before the first value.
fn quantiles(quantile: impl Fn(f64) -> Option<Duration>) -> Value {
    let at = |share| quantile(share).map(|duration| duration.as_secs_f64() * 1000.0);
    json!({ "p50": at(0.5), "p99": at(0.99) })
}
