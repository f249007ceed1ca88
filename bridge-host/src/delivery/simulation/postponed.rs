//! Attempts that are postponed because this machine lacks a resource: they cost a
//! message no attempt, however long the lack lasts, and cause no dead letter.

use tokio::time::sleep;

use super::model::{Faults, LEASE, Model, State};
use super::script::{Behaviour, Script};
use super::{MILLI, RunningEngine, SECOND, policy};
use crate::delivery::{AfterDeadLetter, KeyOrdering, OrderKey, Policy};

/// Policies with one attempt, in every order of messages.
fn policies() -> [Policy; 3] {
    let by_key = KeyOrdering {
        by: OrderKey::Topic,
        after_dead_letter: AfterDeadLetter::Skip,
    };
    let keyed = Policy {
        order: Some(by_key),
        ..policy(4, 1, MILLI)
    };
    [policy(4, 1, MILLI), policy(1, 1, MILLI), keyed]
}

#[tokio::test(start_paused = true)]
async fn a_lack_costs_no_attempt_however_long_it_lasts() {
    for policy in policies() {
        let script = Script::new(1);
        let model = Model::new(&script, &policy, Faults::default());
        for _ in 0..8 {
            script.set(model.publish(), Behaviour::Hindered);
        }
        let running = RunningEngine::start(&model, &script, &policy, SECOND);
        sleep(600 * SECOND).await;
        let (troubles, calls) = (running.troubles.summary(), script.calls());
        assert!(
            troubles.is_some_and(|troubles| troubles.contains("descriptors")),
            "{policy:?}"
        );
        // A pause grows to five seconds, and four attempts are in flight.
        assert!((60..2000).contains(&calls), "{calls} calls by {policy:?}");
        assert!(!model.states().iter().any(State::is_final));
        script.set_all(Behaviour::Ok(MILLI));
        model.all_final().await;
        let stats = running.stats.counters();
        assert_eq!((stats.delivered, stats.dead_lettered), (8, 0), "{policy:?}");
        assert_eq!((stats.attempts, stats.retried), (8, 0), "{policy:?}");
        sleep(10 * SECOND).await;
        assert_eq!(running.troubles.summary(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_gives_back_postponed_messages() {
    for policy in policies() {
        let script = Script::new(1);
        let model = Model::new(&script, &policy, Faults::default());
        for _ in 0..4 {
            script.set(model.publish(), Behaviour::Hindered);
        }
        let running = RunningEngine::start(&model, &script, &policy, 60 * SECOND);
        sleep(30 * SECOND).await;
        let summary = running.shut_down().await;
        assert!(summary.took < 2 * SECOND, "{summary:?} by {policy:?}");
        assert_eq!(summary.finished, 0);
        assert_eq!(model.states(), [const { State::Ready }; 4], "{policy:?}");
    }
}

/// Each pause is shorter than the time to the first extension of the lease, and
/// together they are longer than the lease.
#[tokio::test(start_paused = true)]
async fn a_postponed_message_keeps_its_lease_through_all_pauses() {
    for policy in policies() {
        let script = Script::new(1);
        let model = Model::new(&script, &policy, Faults::default());
        script.set(model.publish(), Behaviour::Hindered);
        let running = RunningEngine::start(&model, &script, &policy, SECOND);
        sleep(20 * LEASE).await;
        assert_eq!(model.lock().held, 1, "redelivered by {policy:?}");
        script.set_all(Behaviour::Ok(MILLI));
        model.all_final().await;
        assert_eq!(running.stats.counters().delivered, 1, "{policy:?}");
    }
}
