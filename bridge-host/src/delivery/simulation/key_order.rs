//! Single cases of order by key: a waiting key holds back only its own messages,
//! memory stays bounded, and a retry finds a permit.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::model::{Faults, Model, State};
use super::script::{Behaviour, Script};
use super::{MILLI, RunningEngine, SECOND, policy};
use crate::delivery::{AfterDeadLetter, CircuitBreakerSettings, KeyOrdering, OrderKey, Policy};

fn by_key(max_in_flight: usize, max_attempts: u32, initial_delay: Duration) -> Policy {
    Policy {
        order: Some(KeyOrdering {
            by: OrderKey::Metadata("key".into()),
            after_dead_letter: AfterDeadLetter::Skip,
        }),
        ..policy(max_in_flight, max_attempts, initial_delay)
    }
}

fn world(policy: &Policy) -> (Arc<Script>, Arc<Model>) {
    let script = Script::new(1);
    let model = Model::new(&script, policy, Faults::default());
    (script, model)
}

#[tokio::test(start_paused = true)]
async fn a_retry_holds_back_its_key_alone() {
    let policy = by_key(2, 5, 60 * SECOND);
    let (script, model) = world(&policy);
    let poison = model.publish_with(Some(1));
    script.set(poison.clone(), Behaviour::Busy(MILLI));
    for n in 0..300 {
        let id = model.publish_with(Some(1 + n % 3));
        script.set(id, Behaviour::Ok(MILLI));
    }
    let begun = Instant::now();
    let running = RunningEngine::start(&model, &script, &policy, SECOND);
    let others = |states: &[State]| {
        let mut others = states[1..].iter().enumerate().filter(|(n, _)| n % 3 != 0);
        others.all(|(_, state)| state.is_final())
    };
    model.wait_until(others).await;
    assert!(begun.elapsed() < 4 * SECOND, "{:?}", begun.elapsed());
    let behind = |state: &State| matches!(state, State::Leased { .. });
    assert!(model.states()[1..].iter().step_by(3).all(behind));
    assert_eq!(running.stats.flow().unwrap().held_back, 101);
    model.all_final().await;
    // It becomes a dead letter, and the messages behind it follow in order.
    assert!(matches!(model.states()[0], State::Dead(_)));
    let called = script.called();
    let last = called.iter().rposition(|id| *id == poison).unwrap();
    let after = called[last + 1..].iter().map(|id| model.position_of(id));
    assert!(called.len() - last > 100 && after.is_sorted());
    let stats = running.stats.counters();
    assert_eq!(
        (stats.attempts, stats.retried, stats.dead_lettered),
        (305, 4, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn one_permit_is_enough_for_a_retry() {
    let policy = by_key(1, 3, SECOND);
    let (script, model) = world(&policy);
    script.set(model.publish_with(Some(1)), Behaviour::Busy(MILLI));
    // Nothing else arrives: the retry needs the idle permit of the fetch loop.
    let _running = RunningEngine::start(&model, &script, &policy, SECOND);
    model.all_final().await;
    assert_eq!(script.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_queued_messages_is_bounded() {
    let policy = by_key(4, 5, 100 * SECOND);
    let (script, model) = world(&policy);
    for n in 0..3000 {
        let id = model.publish_with(Some(1));
        let behaviour = if n == 0 {
            Behaviour::Busy(MILLI)
        } else {
            Behaviour::Ok(Duration::ZERO)
        };
        script.set(id, behaviour);
    }
    let other = model.publish_with(Some(2));
    script.set(other, Behaviour::Ok(MILLI));
    let running = RunningEngine::start(&model, &script, &policy, SECOND);
    sleep(30 * SECOND).await;
    assert_eq!(running.stats.flow().unwrap().held_back, 1024);
    model.all_final().await;
    assert!(model.lock().most_held <= 1024 + 4);
    running.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_waits_and_gives_all_messages_back() {
    let policy = by_key(4, 5, 3600 * SECOND);
    let (script, model) = world(&policy);
    for n in 0..20 {
        script.set(model.publish_with(Some(n % 2)), Behaviour::Busy(MILLI));
    }
    let running = RunningEngine::start(&model, &script, &policy, 10 * SECOND);
    sleep(SECOND).await;
    let summary = running.shut_down().await;
    assert!(summary.took < SECOND, "{summary:?}");
    assert_eq!(model.lock().held, 0);
    assert_eq!(model.states(), [const { State::Ready }; 20]);
    assert_eq!(script.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn leases_are_extended_while_a_key_waits() {
    let policy = by_key(4, 3, 3600 * SECOND);
    let (script, model) = world(&policy);
    for n in 0..5 {
        let behaviour = if n == 0 {
            Behaviour::Busy(MILLI)
        } else {
            Behaviour::Ok(MILLI)
        };
        script.set(model.publish_with(Some(1)), behaviour);
    }
    let _running = RunningEngine::start(&model, &script, &policy, SECOND);
    model.all_final().await;
    assert_eq!(script.calls(), 3 + 4);
}

#[tokio::test(start_paused = true)]
async fn an_unsettled_message_is_awaited_while_the_breaker_is_open() {
    let policy = Policy {
        circuit_breaker: Some(CircuitBreakerSettings {
            failures: 1,
            cooldown: 600 * SECOND,
        }),
        ..by_key(4, 1, SECOND)
    };
    let script = Script::new(1);
    let faults = Faults {
        first_settles: 1,
        ..Faults::default()
    };
    let model = Model::new(&script, &policy, faults);
    let first = model.publish_with(Some(1));
    script.set(first.clone(), Behaviour::Busy(MILLI));
    script.set(model.publish_with(Some(1)), Behaviour::Ok(MILLI));
    let _running = RunningEngine::start(&model, &script, &policy, SECOND);
    model.all_final().await;
    let called = script.called();
    assert_eq!(called[..2], [first.clone(), first]);
    assert_eq!(called.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_blocks_its_key_alone() {
    let mut policy = by_key(4, 2, SECOND);
    if let Some(order) = &mut policy.order {
        order.after_dead_letter = AfterDeadLetter::Block;
    }
    let (script, model) = world(&policy);
    for n in 0..60 {
        let behaviour = match n {
            4 => Behaviour::Never,
            _ => Behaviour::Ok(MILLI),
        };
        script.set(model.publish_with(Some(n % 3)), behaviour);
    }
    let others = |states: &[State]| {
        let rest = states.iter().enumerate().filter(|(n, _)| n % 3 != 1);
        rest.map(|(_, state)| state).all(State::is_final)
    };
    let held = |states: &[State]| states.iter().filter(|s| **s == State::Blocked).count();
    let running = RunningEngine::start(&model, &script, &policy, SECOND);
    model
        .wait_until(|states| others(states) && held(states) == 18)
        .await;
    // The block survives a restart, also for messages that arrive later.
    assert_eq!(running.shut_down().await.given_back, 0);
    let running = RunningEngine::start(&model, &script, &policy, SECOND);
    script.set(model.publish_with(Some(1)), Behaviour::Ok(MILLI));
    model.wait_until(|states| held(states) == 19).await;
    assert_eq!(script.calls(), 42);
    running.crash(&model).await;

    let _running = RunningEngine::start(&model, &script, &policy, SECOND);
    model.replay_or_drop(true);
    sleep(SECOND).await;
    // The replayed message becomes a dead letter again, and blocks again.
    assert_eq!((script.calls(), held(&model.states())), (43, 19));
    script.set_all(Behaviour::Ok(MILLI));
    model.replay_or_drop(true);
    model.all_final().await;
    assert!(
        model
            .states()
            .iter()
            .all(|state| *state == State::Delivered)
    );
    let called = script.called();
    let key = called[42..].iter().map(|id| model.position_of(id));
    assert!(key.is_sorted() && called.len() == 42 + 1 + 20);
}
