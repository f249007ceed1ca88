//! Shutdown: fetching stops, attempts in flight may end within the limit, the
//! rest is given back, and no message becomes a dead letter because of it.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::model::{Faults, Model, State};
use super::script::{Behaviour, Script};
use super::{MILLI, RunningEngine, SECOND, policy};
use crate::delivery::DrainSummary;

/// Delivers four messages with this behaviour, two at once, each with one
/// attempt. Shuts down after a second, with a limit of ten seconds.
async fn shut_down(behaviour: Behaviour) -> (DrainSummary, Arc<Model>, Arc<Script>) {
    let script = Script::new(1);
    let policy = policy(2, 1, MILLI);
    let model = Model::new(&script, &policy, Faults::default());
    for _ in 0..4 {
        script.set(model.publish(), behaviour);
    }
    let running = RunningEngine::start(&model, &script, &policy, 10 * SECOND);
    sleep(SECOND).await;
    (running.shut_down().await, model, script)
}

#[tokio::test(start_paused = true)]
async fn attempts_in_flight_may_end() {
    let (summary, model, script) = shut_down(Behaviour::Ok(5 * SECOND)).await;
    assert_eq!((summary.finished, summary.given_back), (2, 0));
    assert!(summary.took > 3 * SECOND && summary.took < 5 * SECOND);
    assert_eq!(script.calls(), 2);
    let delivered = |states: &[State]| states.iter().all(|state| *state == State::Delivered);
    assert!(delivered(&model.states()[..2]));
    assert_eq!(model.states()[2..], [State::Ready, State::Ready]);
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_given_back_and_is_no_dead_letter() {
    let (summary, model, script) = shut_down(Behaviour::Hangs).await;
    assert_eq!((summary.finished, summary.given_back), (0, 2));
    assert!(summary.took >= 10 * SECOND && summary.took < 11 * SECOND);
    assert_eq!((script.calls(), script.active()), (2, 0));
    assert_eq!(model.states(), [const { State::Ready }; 4]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_subscription_stops_at_once() {
    let script = Script::new(1);
    let policy = policy(2, 1, MILLI);
    let model = Model::new(&script, &policy, Faults::default());
    let running = RunningEngine::start(&model, &script, &policy, 10 * SECOND);
    sleep(SECOND).await;
    let begun = Instant::now();
    let summary = running.shut_down().await;
    assert_eq!(begun.elapsed().as_secs(), 0);
    assert_eq!((summary.finished, summary.given_back), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_without_free_permits_stops_at_once() {
    let script = Script::new(1);
    let policy = policy(1, 1, MILLI);
    let model = Model::new(&script, &policy, Faults::default());
    script.set(model.publish(), Behaviour::Hangs);
    let running = RunningEngine::start(&model, &script, &policy, 2 * SECOND);
    sleep(SECOND).await;
    let summary = running.shut_down().await;
    assert_eq!((summary.finished, summary.given_back), (0, 1));
    assert_eq!(model.states(), [State::Ready]);
}
