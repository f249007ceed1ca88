//! Single cases of an endpoint's limits: circuit breaker, rate limit, pause,
//! adaptive limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::model::{Faults, Model};
use super::script::{Behaviour, Script};
use super::{MILLI, RunningEngine, SECOND, policy};
use crate::delivery::{
    AfterDeadLetter, CircuitBreakerSettings, CircuitState, KeyOrdering, OrderKey, Policy, Rate,
};

/// Publishes `count` messages with this behaviour, of three keys.
fn world(policy: &Policy, count: u64, behaviour: Behaviour) -> (Arc<Script>, Arc<Model>) {
    let script = Script::new(1);
    let model = Model::new(&script, policy, Faults::default());
    for n in 0..count {
        script.set(model.publish_with(Some(n % 3)), behaviour);
    }
    (script, model)
}

fn breaker(order: bool) -> Policy {
    Policy {
        circuit_breaker: Some(CircuitBreakerSettings {
            failures: 5,
            cooldown: 60 * SECOND,
        }),
        order: order.then(|| KeyOrdering {
            by: OrderKey::Metadata("key".into()),
            after_dead_letter: AfterDeadLetter::Skip,
        }),
        ..policy(4, 1000, SECOND)
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_gets_only_probes() {
    for order in [false, true] {
        let policy = breaker(order);
        let (script, model) = world(&policy, 100, Behaviour::Busy(MILLI));
        let running = RunningEngine::start(&model, &script, &policy, SECOND);
        sleep(30 * SECOND).await;
        // Attempts in flight when the breaker opened came to their end.
        assert!((5..=8).contains(&script.calls()), "{}", script.calls());
        let flow = running.stats.flow().unwrap();
        assert_eq!(flow.breaker, Some(CircuitState::Open));
        let before = script.calls();
        sleep(600 * SECOND).await;
        assert!((9..=11).contains(&(script.calls() - before)));
        assert_eq!(model.lock().wrong, [""; 0]);
        let summary = running.shut_down().await;
        assert!(summary.took < SECOND, "{summary:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn engines_that_share_a_gate_share_its_breaker() {
    let policy = breaker(false);
    let (script, model) = world(&policy, 100, Behaviour::Busy(MILLI));
    let both = RunningEngine::start_two(&model, &script, &policy);
    sleep(30 * SECOND).await;
    assert!((5..=8).contains(&script.calls()), "{}", script.calls());
    // Neither engine holds a message that may not begin.
    assert_eq!(model.lock().held, 0);
    script.set_all(Behaviour::Ok(MILLI));
    model.all_final().await;
    assert_eq!(model.lock().wrong, [""; 0]);
    for running in both {
        assert!(running.stats.counters().delivered > 10);
        assert_eq!(running.shut_down().await.given_back, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_successful_probe_closes_the_breaker() {
    let policy = breaker(false);
    let (script, model) = world(&policy, 100, Behaviour::Busy(MILLI));
    let running = RunningEngine::start(&model, &script, &policy, SECOND);
    sleep(10 * SECOND).await;
    script.set_all(Behaviour::Ok(MILLI));
    let begun = Instant::now();
    model.all_final().await;
    assert!(begun.elapsed() < 60 * SECOND);
    let flow = running.stats.flow().unwrap();
    assert_eq!(flow.breaker, Some(CircuitState::Closed));
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept() {
    let policy = Policy {
        rate: Some(Rate {
            count: 10,
            per: SECOND,
            burst: 5,
        }),
        ..policy(16, 12, SECOND)
    };
    let (script, model) = world(&policy, 105, Behaviour::Ok(MILLI));
    let begun = Instant::now();
    let _running = RunningEngine::start(&model, &script, &policy, SECOND);
    model.all_final().await;
    let took = begun.elapsed();
    assert!(took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_limit_adapts_to_the_endpoint() {
    let policy = Policy {
        min_in_flight: Some(2),
        ..policy(32, 1000, MILLI)
    };
    let (script, model) = world(&policy, 5000, Behaviour::Ok(100 * MILLI));
    let running = RunningEngine::start(&model, &script, &policy, SECOND);
    let limit = || running.stats.flow().unwrap().limit;
    assert_eq!(limit(), 2);
    sleep(8 * SECOND).await;
    assert_eq!((limit(), script.most_active()), (32, 32));
    script.set_all(Behaviour::Busy(100 * MILLI));
    for _ in 0..18 {
        let before = limit();
        // All attempts in flight have ended by then.
        sleep(110 * MILLI).await;
        assert!(script.active() <= before, "{} {before}", script.active());
    }
    assert_eq!(limit(), 2);
    assert!(script.active() <= 2);
    script.set_all(Behaviour::Ok(100 * MILLI));
    model.all_final().await;
    assert!(limit() > 2);
    assert_eq!(running.shut_down().await.given_back, 0);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_pauses_the_subscription() {
    for (pause, quick) in [(true, false), (false, true)] {
        let policy = Policy {
            pause,
            ..policy(1000, 12, MILLI)
        };
        let script = Script::new(1);
        let model = Model::new(&script, &policy, Faults::default());
        let behaviour = Behaviour::RetryAfter(100 * SECOND);
        script.set(model.publish(), behaviour);
        let running = RunningEngine::start(&model, &script, &policy, SECOND);
        sleep(SECOND).await;
        let paused = running.stats.flow().unwrap().paused;
        assert_eq!(paused.is_some_and(|left| left > 98 * SECOND), pause);
        script.set_all(Behaviour::Ok(MILLI));
        let late = model.publish();
        script.set(late, Behaviour::Ok(MILLI));
        let begun = Instant::now();
        model.wait_until(|states| states[1].is_final()).await;
        let at_once = begun.elapsed() < Duration::from_secs(5);
        assert_eq!(at_once, quick, "{:?}", begun.elapsed());
        model.all_final().await;
    }
}
