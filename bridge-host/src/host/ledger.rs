//! The ledger that every view shows: what the brokers have kept of each
//! subscription, and what its deliveries did since the start.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::subscription::Ready;
use crate::admin;
use crate::broker::embedded::{Embedded, Ledger};
use crate::delivery::{BreakerState, Flow, Histogram, Stats};

/// Where the figures of all subscriptions are found.
pub(super) struct View {
    brokers: Vec<Arc<Embedded>>,
    stats: Vec<(String, Arc<Stats>)>,
}

impl View {
    pub(super) fn new(brokers: &[Arc<Embedded>], subscriptions: &[Ready]) -> Self {
        let stats = subscriptions.iter().map(|ready| &ready.delivery);
        Self {
            brokers: brokers.to_vec(),
            stats: stats
                .map(|one| (one.name.clone(), one.stats.clone()))
                .collect(),
        }
    }
}

#[async_trait]
impl admin::Ledger for View {
    /// One object: `subscriptions`, each with its ledger, and what it did
    /// since the start where it runs.
    async fn read(&self) -> Result<Value, String> {
        let mut subscriptions = Vec::new();
        for broker in &self.brokers {
            for ledger in broker.ledgers().await.map_err(|e| e.to_string())? {
                let stats = self
                    .stats
                    .iter()
                    .find(|(name, _)| *name == ledger.subscription);
                subscriptions.push(entry(&ledger, stats.map(|(_, stats)| &**stats)));
            }
        }
        Ok(json!({ "subscriptions": subscriptions }))
    }
}

fn entry(ledger: &Ledger, stats: Option<&Stats>) -> Value {
    let mut entry = json!(ledger);
    if let Some(stats) = stats {
        let counters = stats.counters();
        entry["since_start"] = json!({
            "attempts": counters.attempts,
            "retried": counters.retried,
            "given_back": counters.given_back,
            "in_flight": counters.in_flight,
            "latency_ms": quantiles(&stats.latency),
            "attempt_ms": quantiles(&stats.attempt),
        });
        if let Some(flow) = stats.flow() {
            entry["since_start"]["flow"] = self::flow(&flow);
        }
    }
    entry
}

/// What holds deliveries back now; `breaker` is null where there is none.
fn flow(flow: &Flow) -> Value {
    let breaker = flow.breaker.map(|breaker| match breaker {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::HalfOpen => "half-open",
    });
    json!({
        "limit": flow.limit,
        "breaker": breaker,
        "paused_ms": flow.paused.map(|left| left.as_millis() as u64),
        "held_back": flow.held_back,
    })
}

/// In milliseconds; null before the first.
fn quantiles(histogram: &Histogram) -> Value {
    let at = |share| {
        let quantile = histogram.quantile(share);
        quantile.map(|duration| duration.as_secs_f64() * 1000.0)
    };
    json!({ "p50": at(0.5), "p99": at(0.99) })
}
