//! Shutdown: intake stops, what is under way is awaited within the limit, the
//! rest goes back, and nothing is given up because of it.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::model::{Faults, Model, State};
use super::script::{Nature, Script};
use super::{MILLI, Running, SECOND, policy};
use crate::delivery::Summary;

/// Four messages of this nature, two at once, each with one attempt only;
/// shut down after a second, with a limit of ten.
async fn shut_down(nature: Nature) -> (Summary, Arc<Model>, Arc<Script>) {
    let script = Script::new(1);
    let policy = policy(2, 1, MILLI);
    let model = Model::new(&script, &policy, Faults::default());
    for _ in 0..4 {
        script.tell(model.publish(), nature);
    }
    let running = Running::start(&model, &script, &policy, 10 * SECOND);
    sleep(SECOND).await;
    (running.shut_down().await, model, script)
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_awaited() {
    let (summary, model, script) = shut_down(Nature::Ok(5 * SECOND)).await;
    assert_eq!((summary.finished, summary.given_back), (2, 0));
    assert!(summary.took > 3 * SECOND && summary.took < 5 * SECOND);
    assert_eq!(script.calls(), 2);
    let delivered = |states: &[State]| states.iter().all(|state| *state == State::Delivered);
    assert!(delivered(&model.states()[..2]));
    assert_eq!(model.states()[2..], [State::Ready, State::Ready]);
}

#[tokio::test(start_paused = true)]
async fn the_rest_goes_back_and_is_no_dead_letter() {
    let (summary, model, script) = shut_down(Nature::Hangs).await;
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
    let running = Running::start(&model, &script, &policy, 10 * SECOND);
    sleep(SECOND).await;
    let begun = Instant::now();
    let summary = running.shut_down().await;
    assert_eq!(begun.elapsed().as_secs(), 0);
    assert_eq!((summary.finished, summary.given_back), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_full_house_stops_at_once() {
    let script = Script::new(1);
    let policy = policy(1, 1, MILLI);
    let model = Model::new(&script, &policy, Faults::default());
    script.tell(model.publish(), Nature::Hangs);
    let running = Running::start(&model, &script, &policy, 2 * SECOND);
    sleep(SECOND).await;
    let summary = running.shut_down().await;
    assert_eq!((summary.finished, summary.given_back), (0, 1));
    assert_eq!(model.states(), [State::Ready]);
}
