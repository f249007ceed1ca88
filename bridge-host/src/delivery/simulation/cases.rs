//! Single cases: poison messages, panics, hanging handlers, leases, failing
//! brokers.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use super::model::{Faults, Model, State};
use super::script::{Behaviour, Script};
use super::{MILLI, RunningEngine, SECOND, policy};
use crate::broker::DeadLetter;
use crate::delivery::Policy;

/// Delivers one message with this behaviour, until it is settled.
async fn one(
    behaviour: Behaviour,
    policy: &Policy,
    faults: Faults,
) -> (State, Arc<Script>, RunningEngine) {
    let script = Script::new(1);
    let model = Model::new(&script, policy, faults);
    script.set(model.publish(), behaviour);
    let running = RunningEngine::start(&model, &script, policy, SECOND);
    model.all_final().await;
    (model.states().remove(0), script, running)
}

fn dead(state: State) -> DeadLetter {
    match state {
        State::Dead(letter) => letter,
        other => panic!("{other:?} is no dead letter"),
    }
}

#[tokio::test(start_paused = true)]
async fn poison_messages_block_no_other() {
    let script = Script::new(1);
    let policy = policy(4, 12, 60 * SECOND);
    let model = Model::new(&script, &policy, Faults::default());
    for n in 0..220 {
        let behaviour = match n {
            0..10 => Behaviour::Busy(MILLI),
            10..20 => Behaviour::Panics,
            _ => Behaviour::Ok(10 * MILLI),
        };
        script.set(model.publish(), behaviour);
    }
    let begun = Instant::now();
    let running = RunningEngine::start(&model, &script, &policy, SECOND);
    model
        .wait_until(|states| states[20..].iter().all(State::is_final))
        .await;
    // 200 messages of 10 ms each, four at once, and the broker's own pauses.
    assert!(begun.elapsed() < 4 * SECOND, "{:?}", begun.elapsed());
    assert!(!model.states()[..20].iter().any(State::is_final));
    model.all_final().await;
    let stats = running.stats.counters();
    assert_eq!((stats.delivered, stats.dead_lettered), (200, 20));
    assert_eq!(stats.retried, 20 * 11);
    assert_eq!(stats.attempts, 200 + 20 * 12);
}

#[tokio::test(start_paused = true)]
async fn no_message_overtakes_in_order() {
    let script = Script::new(1);
    let policy = policy(1, 12, SECOND);
    let model = Model::new(&script, &policy, Faults::default());
    let (first, second) = (model.publish(), model.publish());
    script.set(first.clone(), Behaviour::Busy(MILLI));
    script.set(second.clone(), Behaviour::Ok(MILLI));
    let _running = RunningEngine::start(&model, &script, &policy, SECOND);
    model.all_final().await;
    let called = script.called();
    assert_eq!((called.len(), script.most_active()), (13, 1));
    assert!(called[..12].iter().all(|id| *id == first));
    assert_eq!(called[12], second);
}

#[tokio::test(start_paused = true)]
async fn a_panic_counts_as_a_trap() {
    let policy = policy(4, 2, MILLI);
    let (state, script, _) = one(Behaviour::Panics, &policy, Faults::default()).await;
    let expected = "gave up after 2 attempts: the component trapped: \
                    the host panicked: as the script has it";
    assert_eq!(dead(state).reason, expected);
    assert_eq!(script.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_stopped() {
    let begun = Instant::now();
    let policy = policy(4, 1, MILLI);
    let (state, script, _) = one(Behaviour::Hangs, &policy, Faults::default()).await;
    let expected = "gave up after 1 attempt: the component did not return within 30s";
    assert_eq!(dead(state).reason, expected);
    assert_eq!(script.active(), 0);
    assert!(begun.elapsed() >= 30 * SECOND && begun.elapsed() < 31 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_long_attempt_keeps_its_lease() {
    let mut policy = policy(4, 12, MILLI);
    policy.timeout = 600 * SECOND;
    let (state, script, running) =
        one(Behaviour::Ok(500 * SECOND), &policy, Faults::default()).await;
    assert_eq!((state, script.calls()), (State::Delivered, 1));
    sleep(SECOND).await;
    let took = running.stats.attempt.quantile(0.5).unwrap();
    assert!(took >= 500 * SECOND && took < 563 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_longest_timeout_never_expires() {
    let mut policy = policy(4, 12, MILLI);
    policy.timeout = std::time::Duration::MAX;
    let behaviour = Behaviour::Ok(100_000 * SECOND);
    let (state, ..) = one(behaviour, &policy, Faults::default()).await;
    assert_eq!(state, State::Delivered);
}

#[tokio::test(start_paused = true)]
async fn settlements_are_retried_at_a_full_broker() {
    let faults = |first_settles| Faults {
        first_settles,
        keeps: true,
        ..Faults::default()
    };
    for (behaviour, calls) in [(Behaviour::Ok(MILLI), 1), (Behaviour::Never, 1)] {
        let (state, script, running) = one(behaviour, &policy(4, 12, MILLI), faults(4)).await;
        assert!(state.is_final());
        assert_eq!(script.calls(), calls);
        sleep(SECOND).await;
        assert_eq!(running.stats.counters().given_back, 0);
    }
    let (state, script, running) =
        one(Behaviour::Ok(MILLI), &policy(4, 12, MILLI), faults(7)).await;
    assert_eq!((state, script.calls()), (State::Delivered, 2));
    sleep(SECOND).await;
    assert_eq!(running.stats.counters().given_back, 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_broker_is_not_asked_for_more_messages() {
    let script = Script::new(1);
    let policy = policy(2, 12, MILLI);
    let faults = Faults {
        first_settles: 8,
        keeps: true,
        ..Faults::default()
    };
    let model = Model::new(&script, &policy, faults);
    for _ in 0..10 {
        script.set(model.publish(), Behaviour::Ok(MILLI));
    }
    let _running = RunningEngine::start(&model, &script, &policy, SECOND);
    sleep(5 * SECOND).await;
    assert_eq!(script.calls(), 2);
    model.all_final().await;
    assert_eq!(script.calls(), 10);
}

#[tokio::test(start_paused = true)]
async fn redeliveries_do_not_follow_in_a_tight_loop() {
    let begun = Instant::now();
    let faults = Faults {
        first_settles: 3,
        ..Faults::default()
    };
    let (state, script, _) = one(Behaviour::Never, &policy(1, 12, MILLI), faults).await;
    assert_eq!((dead(state).attempts, script.calls()), (1, 4));
    assert!(begun.elapsed() >= 15 * SECOND);
}

#[test]
fn attempts_run_on_the_runtime_of_their_delivery() {
    let runtime = || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).enable_time().build().unwrap()
    };
    let (theirs, main) = (runtime(), runtime());
    let script = Script::new(1);
    let policy = policy(16, 12, MILLI);
    let model = Model::new(&script, &policy, Faults::default());
    for _ in 0..500 {
        script.set(model.publish(), Behaviour::Ok(MILLI));
    }
    let summary = main.block_on(async {
        let handle = theirs.handle().clone();
        let running = RunningEngine::start_on(handle, &model, &script, &policy, 60 * SECOND);
        model.all_final().await;
        running.shut_down().await
    });
    assert_eq!((script.calls(), summary.given_back), (500, 0));
    assert!(script.most_active() <= 16);
    let thread = theirs.spawn(async { std::thread::current().id() });
    let thread = main.block_on(thread).unwrap();
    assert_eq!(script.threads(), HashSet::from([thread]));
}

fn by_age(max_age: std::time::Duration) -> Policy {
    let mut policy = policy(4, 0, SECOND);
    policy.retry.max_age = Some(max_age);
    policy
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_retried_until_max_age() {
    let begun = Instant::now();
    let day = 24 * 3600 * SECOND;
    let (state, script, _) = one(Behaviour::Busy(MILLI), &by_age(3 * day), Faults::default()).await;
    let letter = dead(state);
    let attempts = format!("gave up after {} attempts in 3 days: ", letter.attempts);
    assert!(letter.reason.starts_with(&attempts), "{}", letter.reason);
    assert_eq!(script.calls(), letter.attempts as usize);
    // A wait is half of the longest on average, so at least 72 waits are at the
    // cap.
    assert!((90..250).contains(&letter.attempts), "{}", letter.attempts);
    let took = begun.elapsed();
    assert!(took >= 3 * day && took < 3 * day + SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_age_counts_from_the_first_attempt() {
    let script = Script::new(1);
    let mut policy = by_age(600 * SECOND);
    // No engine runs for a long time.
    let model = Model::new(&script, &policy, Faults::default());
    let id = model.publish();
    script.set(id.clone(), Behaviour::Busy(MILLI));
    sleep(3600 * SECOND).await;
    let running = RunningEngine::start(&model, &script, &policy, SECOND);
    sleep(300 * SECOND).await;
    assert!(!model.states()[0].is_final(), "{:?}", model.states());
    // A restart does not reset the age.
    running.shut_down().await;
    policy.retry.initial_delay = MILLI;
    let _running = RunningEngine::start(&model, &script, &policy, SECOND);
    let begun = Instant::now();
    model.all_final().await;
    let took = begun.elapsed();
    assert!(took > 290 * SECOND && took < 310 * SECOND, "{took:?}");
}

/// Slow failures that are always due for a retry hold half of the permits, so a
/// new message finds a permit at once.
#[tokio::test(start_paused = true)]
async fn slow_poison_leaves_permits_to_new_messages() {
    let script = Script::new(1);
    let policy = policy(8, 0, MILLI);
    let model = Model::new(&script, &policy, Faults::default());
    for _ in 0..200 {
        script.set(model.publish(), Behaviour::Busy(10 * SECOND));
    }
    let _running = RunningEngine::start(&model, &script, &policy, SECOND);
    while script.calls() < 400 {
        sleep(SECOND).await;
    }
    for _ in 0..50 {
        sleep(SECOND).await;
        let (begun, position) = (Instant::now(), model.states().len());
        script.set(model.publish(), Behaviour::Ok(MILLI));
        model.wait_until(|states| states[position].is_final()).await;
        // The pauses of the model's broker.
        assert!(begun.elapsed() < 200 * MILLI, "{:?}", begun.elapsed());
    }
}

/// After an outage there are no new messages to reserve permits for, so the
/// retries have all permits.
#[tokio::test(start_paused = true)]
async fn retries_that_succeed_have_all_permits() {
    let script = Script::new(1);
    let mut policy = policy(8, 0, MILLI);
    policy.retry.max_delay = SECOND;
    let model = Model::new(&script, &policy, Faults::default());
    for _ in 0..200 {
        script.set(model.publish(), Behaviour::Busy(SECOND));
    }
    let _running = RunningEngine::start(&model, &script, &policy, SECOND);
    while script.calls() < 400 {
        sleep(SECOND).await;
    }
    script.set_all(Behaviour::Ok(SECOND));
    let begun = Instant::now();
    model.all_final().await;
    // 25 s with all permits, 50 s with half of them.
    assert!(begun.elapsed() < 36 * SECOND, "{:?}", begun.elapsed());
}
