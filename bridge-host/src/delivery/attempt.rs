//! One delivery's turn: an attempt within its lease, the verdict
//! on it, the settlement. The task that runs for each message.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::SystemTime;

use tokio::task::yield_now;
use tokio::time::Instant;

use super::crash::Fingerprint;
use super::decide::{decide, spent, within_chances};
use super::hindered::Hindrance;
use super::in_flight::InFlight;
use super::lease::{extend_every, keep};
use super::log::Story;
use super::replies::publish;
use super::settle::{Keepsake, settle};
use super::setup::Delivery;
use super::stats::Settled;
use super::tried::Tried;
use crate::broker::{Incoming, Receipt, RemainingAttempts, ReplyTo, Settlement};
use crate::guest::{Call, CallResult, Failure, MessageHandler, Outcome};

/// After so many messages a task lets others run, however short a time each took.
const STRETCH: u64 = 16;

/// Delivers a message, and then others, for as long as there are any at once.
pub(super) async fn deliver(incoming: Incoming, in_flight: InFlight) {
    let mut next = Some((incoming, in_flight));
    for number in 1_u64.. {
        let Some((incoming, in_flight)) = next else {
            return;
        };
        next = deliver_one(incoming, in_flight).await.go_on();
        if number % STRETCH == 0 {
            yield_now().await;
        }
    }
}

/// Makes one attempt and settles it. Dropped before its end, it gives the
/// message back: the receipt goes first, the place after it.
async fn deliver_one(incoming: Incoming, in_flight: InFlight) -> InFlight {
    let mut place = in_flight;
    let engine = place.engine();
    let tried = Tried::of(&incoming, &engine.delivery.policy);
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
    let story = Story {
        storms: &engine.storms,
        subscription: &engine.delivery.name,
        id,
        message: message.clone(),
        published,
        attempt,
    };
    let keepsake = Keepsake::of(&message, published, tried, &*receipt);
    let made = make(
        reply_to,
        &remaining_attempts,
        &place,
        &mut *receipt,
        &story,
        tried,
    )
    .await;
    let Some(settlement) = made else {
        return place;
    };
    let dead_letters = &*engine.delivery.dead_letters;
    if settle(receipt, &settlement, keepsake, dead_letters, &story).await {
        let age = SystemTime::now().duration_since(published);
        place = place.settled(Settled::new(&settlement, age.unwrap_or_default()));
    }
    place
}

/// One attempt, where one can be made, and the verdict on it. `None`: it was
/// hindered until nothing began any more, and the message is to be given back.
pub(super) async fn make(
    reply_to: ReplyTo,
    remaining_attempts: &RemainingAttempts,
    place: &InFlight,
    receipt: &mut dyn Receipt,
    story: &Story<'_>,
    tried: Tried,
) -> Option<Settlement> {
    if let RemainingAttempts::Exhausted(reason) = remaining_attempts {
        story.not_attempted(reason);
        return Some(spent(reason, story.attempt));
    }
    let engine = place.engine();
    let delivery = &engine.delivery;
    let mut hindrance = Hindrance::default();
    let (outcome, begun) = loop {
        let begun = Instant::now();
        let call = Call {
            message: story.message.clone(),
            id: story.id.clone(),
            reply_to: reply_to.clone(),
            timeout: delivery.policy.timeout,
        };
        let outcome = within(delivery, call, receipt, story).await;
        let Some(unprocessed) = hindrance.of(&outcome) else {
            break (outcome, begun);
        };
        // In a box, as it is rare.
        Box::pin(hindrance.wait(unprocessed, place, receipt, story)).await?;
    };
    let took = begun.elapsed();
    delivery.stats.attempted(took);
    place.told(&outcome, begun);
    let jitter = engine.jitter.next();
    let attempts = tried.until(story.attempt);
    let settlement = decide(&outcome, attempts, &delivery.policy, jitter);
    let settlement = within_chances(settlement, remaining_attempts, &outcome, attempts);
    story.verdict(&outcome, took, &settlement);
    Some(settlement)
}

/// The attempt, its lease kept until it ends. Its time is the handler's to
/// keep: it begins when there is an instance for it.
async fn within(
    delivery: &Delivery,
    call: Call,
    receipt: &mut dyn Receipt,
    story: &Story<'_>,
) -> Outcome {
    let every = extend_every(receipt);
    let kept = keep(receipt, every, |error| story.not_extended(error));
    tokio::select! {
        biased;
        outcome = answered(delivery, call, story) => outcome,
        never = kept => match never {},
    }
}

/// The attempt, recorded while it is under way, and what it has to say published.
async fn answered(delivery: &Delivery, call: Call, story: &Story<'_>) -> Outcome {
    let hops = call.message.hops();
    if hops > delivery.policy.max_hops {
        return goes_round(hops);
    }
    let max_crashes = delivery.policy.retry.max_crashes;
    let entered = delivery.crashes.enter(Fingerprint::of(story), max_crashes);
    let mut recorded = match entered.await {
        Ok(recorded) => recorded,
        Err(ends_the_host) => return ends_the_host.into(),
    };
    let mut outcome = recorded.run(caught(&*delivery.handler, call)).await;
    if let Some(broker) = &delivery.replies {
        publish(&mut outcome, &**broker, delivery.policy.timeout).await;
    }
    outcome
}

/// What is said of a message that is handed to nobody any more.
fn goes_round(hops: u32) -> Outcome {
    let reason = format!(
        "it goes round in a loop: the message was made after {hops} hops from one subscription to another; \
         break the loop, or raise `delivery.max_hops` for a longer way"
    );
    CallResult::Other(reason).into()
}

/// A handler that panics has failed as a component that traps.
async fn caught(handler: &dyn MessageHandler, call: Call) -> Outcome {
    let mut run = pin!(async move { handler.handle(call).await });
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx))) {
            Ok(poll) => poll,
            Err(panic) => Poll::Ready(Outcome::from(Failure::Trap {
                message: format!("the host panicked: {}", text(&*panic)),
                backtrace: None,
            })),
        },
    )
    .await
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
