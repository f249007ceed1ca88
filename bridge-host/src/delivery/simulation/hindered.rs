//! Attempts that this machine hindered: none is spent on a message, however
//! long that lasts, and nothing is given up because of it.

use tokio::time::sleep;

use super::model::{Faults, LEASE, Model, State};
use super::script::{Nature, Script};
use super::{MILLI, Running, SECOND, policy};
use crate::delivery::{AfterDeadLetter, Order, OrderKey, Policy};

/// One attempt each, in every order of messages.
fn policies() -> [Policy; 3] {
    let by_key = Order {
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
            script.tell(model.publish(), Nature::Hindered);
        }
        let running = Running::start(&model, &script, &policy, SECOND);
        sleep(600 * SECOND).await;
        let (told, calls) = (running.troubles.summary(), script.calls());
        assert!(
            told.is_some_and(|told| told.contains("descriptors")),
            "{policy:?}"
        );
        // A pause is five seconds in the end, and four are in flight.
        assert!((60..2000).contains(&calls), "{calls} calls by {policy:?}");
        assert!(!model.states().iter().any(State::is_final));
        script.tell_all(Nature::Ok(MILLI));
        model.all_final().await;
        let stats = running.stats.counters();
        assert_eq!((stats.delivered, stats.dead_lettered), (8, 0), "{policy:?}");
        assert_eq!((stats.attempts, stats.retried), (8, 0), "{policy:?}");
        sleep(10 * SECOND).await;
        assert_eq!(running.troubles.summary(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_gives_back_what_is_hindered() {
    for policy in policies() {
        let script = Script::new(1);
        let model = Model::new(&script, &policy, Faults::default());
        for _ in 0..4 {
            script.tell(model.publish(), Nature::Hindered);
        }
        let running = Running::start(&model, &script, &policy, 60 * SECOND);
        sleep(30 * SECOND).await;
        let summary = running.shut_down().await;
        assert!(summary.took < 2 * SECOND, "{summary:?} by {policy:?}");
        assert_eq!(summary.finished, 0);
        assert_eq!(model.states(), [const { State::Ready }; 4], "{policy:?}");
    }
}

/// Each pause is shorter than the time to the first extension of a lease, and
/// together they are longer than the lease.
#[tokio::test(start_paused = true)]
async fn a_hindered_message_keeps_its_lease_through_all_pauses() {
    for policy in policies() {
        let script = Script::new(1);
        let model = Model::new(&script, &policy, Faults::default());
        script.tell(model.publish(), Nature::Hindered);
        let running = Running::start(&model, &script, &policy, SECOND);
        sleep(20 * LEASE).await;
        assert_eq!(model.lock().held, 1, "redelivered by {policy:?}");
        script.tell_all(Nature::Ok(MILLI));
        model.all_final().await;
        assert_eq!(running.stats.counters().delivered, 1, "{policy:?}");
    }
}
