//! Runs thousands of random schedules, and checks the invariants in each of them.

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::model::{Faults, Model};
use super::random::Random;
use super::script::Script;
use super::{MILLI, RunningEngine, SECOND};
use crate::delivery::{
    AfterDeadLetter, CircuitBreakerSettings, KeyOrdering, OrderKey, Policy, Rate, Retry,
};

/// Schedules without an order by key and without limits.
#[test]
fn random_schedules_lose_nothing() {
    run(0..3000);
}

/// Schedules with an order by key, limits of the endpoint, or both.
#[test]
fn random_schedules_keep_order_and_limits() {
    run(FIRST_SEED_WITH_LIMITS..FIRST_SEED_WITH_LIMITS + 8000);
}

/// Seeds from here on have an order or limits.
const FIRST_SEED_WITH_LIMITS: u64 = 1_000_000;

fn run(seeds: std::ops::Range<u64>) {
    let (first, last) = (seeds.start, seeds.end - 1);
    for seed in seeds {
        let run = || {
            let runtime = Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build();
            runtime.unwrap().block_on(simulate(seed));
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            eprintln!("the schedule of seed {seed} failed");
            resume_unwind(panic);
        }
    }
    println!("the schedules of the seeds {first} to {last} kept all invariants");
}

/// Runs one schedule: messages arrive at random times, the engine is shut down or
/// killed at random times, and finally runs to the end.
async fn simulate(seed: u64) {
    let mut random = Random::new(seed.wrapping_mul(3));
    let mut policy = random_policy(&mut random);
    if seed >= FIRST_SEED_WITH_LIMITS {
        add_random_limits(&mut random, &mut policy);
    }
    let faults = random_faults(&mut random);
    let script = Script::new(seed);
    let model = Model::new(&script, &policy, faults);
    let publisher = tokio::spawn(publish(model.clone(), random.clone()));
    let operator = tokio::spawn(replay_or_drop(model.clone(), random.clone()));
    for _ in 0..random.below(4) {
        let drain = random.millis(0, 10_000);
        let running = RunningEngine::start(&model, &script, &policy, drain);
        sleep(random.millis(0, 60_000)).await;
        match random.chance(50) {
            true => check_shutdown(running, &model, &script, drain).await,
            false => running.crash(&model).await,
        }
    }
    publisher.await.unwrap();
    let running = RunningEngine::start(&model, &script, &policy, SECOND);
    model.wait_until(|_| model.is_settled()).await;
    operator.abort();
    check_shutdown(running, &model, &script, SECOND).await;
    assert!(script.most_active() <= policy.max_in_flight);
    assert_eq!(model.lock().wrong, [""; 0]);
    let positions = script.called().into_iter().map(|id| model.position_of(&id));
    assert!(!policy.ordered() || positions.is_sorted(), "overtaken");
}

async fn publish(model: Arc<Model>, mut random: Random) {
    for _ in 0..random.between(1, 40) {
        if random.chance(30) {
            sleep(random.millis(1, 10_000)).await;
        }
        model.publish_with(Some(random.below(4)).filter(|key| *key > 0));
    }
}

/// Replays or drops blocking dead letters, one at a time.
async fn replay_or_drop(model: Arc<Model>, mut random: Random) {
    loop {
        sleep(random.millis(1000, 100_000)).await;
        model.replay_or_drop(random.chance(70));
    }
}

async fn check_shutdown(running: RunningEngine, model: &Model, script: &Script, drain: Duration) {
    let stats = running.stats.clone();
    let calls = script.calls();
    let under_way = stats.counters().in_flight;
    running.shutdown.send_replace(true);
    // What is due in this instant may begin before the engine learns of the
    // shutdown.
    yield_now().await;
    let at_once = script.calls() - calls;
    let under_way = under_way + at_once as u64;
    let summary = running.shut_down().await;
    // Some attempts may have ended before the engine learned of the shutdown.
    assert!(summary.finished + summary.given_back <= under_way);
    assert!(summary.took <= drain + 2 * MILLI, "{summary:?}");
    assert_eq!((model.lock().held, script.active()), (0, 0));
    assert_eq!(stats.counters().in_flight, 0);
    let begun = script.calls() - calls - at_once;
    assert!(begun as u64 <= under_way, "fetching went on");
}

fn random_policy(random: &mut Random) -> Policy {
    Policy {
        max_in_flight: random.pick(&[1, 1, 2, 3, 8, 64]),
        timeout: random.pick(&[100 * MILLI, SECOND, 30 * SECOND, 600 * SECOND]),
        retry: Retry {
            max_age: Some(random.millis(1000, 100_000)),
            max_attempts: NonZeroU32::new(random.between(0, 6) as u32),
            max_crashes: 3,
            initial_delay: random.millis(0, 2000),
            max_delay: random.millis(0, 30_000),
        },
        ..Policy::default()
    }
}

fn add_random_limits(random: &mut Random, policy: &mut Policy) {
    if random.chance(70) {
        policy.order = Some(KeyOrdering {
            by: OrderKey::Metadata("key".into()),
            after_dead_letter: match random.chance(30) {
                true => AfterDeadLetter::Block,
                false => AfterDeadLetter::Skip,
            },
        });
    }
    if random.chance(40) {
        policy.min_in_flight = Some(random.between(1, policy.max_in_flight as u64) as usize);
    }
    if random.chance(40) {
        policy.circuit_breaker = Some(CircuitBreakerSettings {
            failures: random.between(1, 5) as u32,
            cooldown: random.millis(10, 120_000),
        });
    }
    if random.chance(40) {
        policy.rate = Some(Rate {
            count: random.between(1, 50) as u32,
            per: random.pick(&[SECOND, 10 * SECOND]),
            burst: random.between(1, 5) as u32,
        });
    }
    policy.pause = random.chance(50);
}

fn random_faults(random: &mut Random) -> Faults {
    if random.chance(30) {
        return Faults::default();
    }
    Faults {
        next: random.pick(&[0, 2, 10]),
        settle: random.pick(&[0, 5, 30]),
        answer: random.pick(&[0, 5]),
        extend: random.pick(&[0, 0, 50]),
        keeps: random.chance(70),
        first_settles: 0,
    }
}
