//! The task that runs for a message: one attempt while the lease is extended, the
//! verdict, and the settlement.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::SystemTime;

use tokio::task::yield_now;
use tokio::time::Instant;

use super::attempt_history::AttemptHistory;
use super::crash::Fingerprint;
use super::decide::{apply_redelivery_limit, decide, no_attempts_left};
use super::in_flight::InFlightGuard;
use super::lease::{extend_every, keep_lease};
use super::log::DeliveryLog;
use super::postponed::Postponement;
use super::replies::publish_replies;
use super::settle::{DeadLetterDraft, settle};
use super::setup::Delivery;
use super::stats::CountedSettlement;
use crate::broker::{Incoming, Receipt, RemainingAttempts, ReplyTo, Settlement};
use crate::guest::{Call, CallResult, Failure, MessageHandler, Outcome};

/// How many messages a task delivers before it yields to other tasks, even if
/// each took little time.
const MESSAGES_BEFORE_YIELD: u64 = 16;

/// Delivers a message. Afterwards it delivers further messages under the same
/// permit, as long as the source has one ready.
pub(super) async fn deliver(incoming: Incoming, in_flight: InFlightGuard) {
    let mut next = Some((incoming, in_flight));
    for number in 1_u64.. {
        let Some((incoming, in_flight)) = next else {
            return;
        };
        next = deliver_one(incoming, in_flight).await.take_next();
        if number % MESSAGES_BEFORE_YIELD == 0 {
            yield_now().await;
        }
    }
}

/// Makes one attempt and settles the message. If the future is dropped early, the
/// message is redelivered: the receipt is dropped before the permit is released.
async fn deliver_one(incoming: Incoming, in_flight: InFlightGuard) -> InFlightGuard {
    let mut in_flight = in_flight;
    let engine = in_flight.engine();
    let history = AttemptHistory::of(&incoming, &engine.delivery.policy);
    let Incoming {
        message,
        id,
        attempt,
        remaining_attempts,
        published,
        reply_to,
        mut receipt,
        ..
    } = incoming;
    let log = DeliveryLog {
        throttles: &engine.throttles,
        subscription: &engine.delivery.name,
        id,
        message: message.clone(),
        published,
        attempt,
    };
    let draft = DeadLetterDraft::of(&message, published, history, &*receipt);
    let settlement = make_attempt(
        reply_to,
        &remaining_attempts,
        &in_flight,
        &mut *receipt,
        &log,
        history,
    )
    .await;
    let Some(settlement) = settlement else {
        return in_flight;
    };
    let dead_letters = &*engine.delivery.dead_letters;
    if settle(receipt, &settlement, draft, dead_letters, &log).await {
        let age = SystemTime::now().duration_since(published);
        in_flight =
            in_flight.count_settled(CountedSettlement::new(&settlement, age.unwrap_or_default()));
    }
    in_flight
}

/// Makes one attempt and decides what becomes of the message. Returns `None` if
/// the attempt was postponed until the engine drained: the message must be given
/// back to the broker.
pub(super) async fn make_attempt(
    reply_to: ReplyTo,
    remaining_attempts: &RemainingAttempts,
    in_flight: &InFlightGuard,
    receipt: &mut dyn Receipt,
    log: &DeliveryLog<'_>,
    history: AttemptHistory,
) -> Option<Settlement> {
    if let RemainingAttempts::Exhausted(reason) = remaining_attempts {
        log.attempt_skipped(reason);
        return Some(no_attempts_left(reason, log.attempt));
    }
    let engine = in_flight.engine();
    let delivery = &engine.delivery;
    let mut postponement = Postponement::default();
    let (outcome, begun) = loop {
        let begun = Instant::now();
        let call = Call {
            message: log.message.clone(),
            id: log.id.clone(),
            reply_to: reply_to.clone(),
            timeout: delivery.policy.timeout,
        };
        let outcome = call_within_lease(delivery, call, receipt, log).await;
        let Some(unprocessed) = postponement.reason(&outcome) else {
            break (outcome, begun);
        };
        // Rare, and boxed so that the future of a message stays small.
        Box::pin(postponement.wait(unprocessed, in_flight, receipt, log)).await?;
    };
    let took = begun.elapsed();
    delivery.stats.count_attempt(took);
    in_flight.record_outcome(&outcome, begun);
    let jitter = engine.jitter.next();
    let attempts = history.attempts(log.attempt);
    let settlement = decide(&outcome, attempts, &delivery.policy, jitter);
    let settlement = apply_redelivery_limit(settlement, remaining_attempts, &outcome, attempts);
    log.verdict(&outcome, took, &settlement);
    Some(settlement)
}

/// Calls the handler, and extends the lease until the call ends. The handler
/// enforces the timeout, which begins once the call has an instance.
async fn call_within_lease(
    delivery: &Delivery,
    call: Call,
    receipt: &mut dyn Receipt,
    log: &DeliveryLog<'_>,
) -> Outcome {
    let every = extend_every(receipt);
    let lease = keep_lease(receipt, every, |error| log.lease_not_extended(error));
    tokio::select! {
        biased;
        outcome = call_handler(delivery, call, log) => outcome,
        never = lease => match never {},
    }
}

/// Calls the handler, keeps the attempt in the crash record meanwhile, and
/// publishes the replies.
async fn call_handler(delivery: &Delivery, call: Call, log: &DeliveryLog<'_>) -> Outcome {
    let hops = call.message.hops();
    if hops > delivery.policy.max_hops {
        return too_many_hops(hops);
    }
    let max_crashes = delivery.policy.retry.max_crashes;
    let recorded = delivery
        .crashes
        .begin_attempt(Fingerprint::of(log), max_crashes);
    let mut recorded = match recorded.await {
        Ok(recorded) => recorded,
        Err(repeated_crashes) => return repeated_crashes.into(),
    };
    let mut outcome = recorded.run(catch_panic(&*delivery.handler, call)).await;
    if let Some(broker) = &delivery.replies {
        publish_replies(&mut outcome, &**broker, delivery.policy.timeout).await;
    }
    outcome
}

/// Returns the outcome of a message that is not delivered because it made too
/// many hops.
fn too_many_hops(hops: u32) -> Outcome {
    let reason = format!(
        "the message made {hops} hops from one subscription to another, which suggests a loop: \
         break the loop, or raise `delivery.max_hops`"
    );
    CallResult::Other(reason).into()
}

/// Calls the handler, and turns a panic of the host into the failure of a
/// component that trapped.
async fn catch_panic(handler: &dyn MessageHandler, call: Call) -> Outcome {
    let mut run = pin!(async move { handler.handle(call).await });
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx))) {
            Ok(poll) => poll,
            Err(panic) => Poll::Ready(Outcome::from(Failure::Trap {
                message: format!("the host panicked: {}", panic_message(&*panic)),
                backtrace: None,
            })),
        },
    )
    .await
}

/// Returns the text of a panic.
fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
