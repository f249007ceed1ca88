//! One delivery's turn: an attempt within its time and its lease, the verdict
//! on it, the settlement. The task that runs for each message.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until, timeout_at};

use super::Delivery;
use super::decide::decide;
use super::limit::InFlight;
use super::log::Story;
use super::replies::publish;
use super::settle::settle;
use super::stats::Settled;
use crate::broker::{Incoming, Receipt};
use crate::guest::{Call, Failure, Handle, Outcome};

/// The guest room ends an attempt at its timeout; this much later it is taken
/// to have failed at that.
const GRACE: Duration = Duration::from_secs(1);

/// An attempt that takes longer has its lease extended, again and again.
const EXTEND_EVERY: Duration = Duration::from_secs(10);

/// By so much: brokers redeliver after 30 seconds and more.
const LEASE: Duration = Duration::from_secs(30);

/// Makes one attempt and settles it. Dropped before its end, it gives the
/// message back: the receipt goes first, the place after it.
pub(super) async fn deliver(incoming: Incoming, in_flight: InFlight) {
    let place = in_flight;
    let Incoming {
        message,
        id,
        attempt,
        published,
        mut receipt,
    } = incoming;
    let engine = place.engine();
    let delivery = &engine.delivery;
    let story = Story {
        subscription: &delivery.name,
        id: id.clone(),
        topic: message.topic.clone(),
        attempt,
    };
    let timeout = delivery.policy.timeout;
    let call = Call {
        message,
        id,
        timeout,
    };
    let begun = Instant::now();
    let outcome = within(delivery, call, &mut *receipt, &story).await;
    let took = begun.elapsed();
    delivery.stats.attempted(took);
    let settlement = decide(&outcome, attempt, &delivery.policy, engine.jitter.next());
    story.verdict(&outcome, took, &settlement);
    if settle(receipt, &settlement, &story).await {
        let age = SystemTime::now().duration_since(published);
        place.settled(Settled::new(&settlement, age.unwrap_or_default()));
    }
}

/// The attempt, stopped at the end of its time, its lease kept until then.
async fn within(
    delivery: &Delivery,
    call: Call,
    receipt: &mut dyn Receipt,
    story: &Story<'_>,
) -> Outcome {
    let timeout = call.timeout;
    let now = Instant::now();
    // A time beyond what the clock can hold is no limit.
    let deadline = now.checked_add(timeout.saturating_add(GRACE));
    tokio::select! {
        biased;
        outcome = answered(delivery, call) => outcome,
        () = keep(receipt, deadline, story) => Failure::OutOfTime(timeout).into(),
    }
}

/// Extends the lease again and again, until the deadline.
async fn keep(receipt: &mut dyn Receipt, deadline: Option<Instant>, story: &Story<'_>) {
    loop {
        let next = Instant::now() + EXTEND_EVERY;
        let wake = deadline.map_or(next, |deadline| deadline.min(next));
        sleep_until(wake).await;
        if Some(wake) == deadline {
            return;
        }
        // One that hangs must not keep the attempt past its deadline.
        let patience = wake + EXTEND_EVERY;
        let patience = deadline.map_or(patience, |deadline| deadline.min(patience));
        if let Ok(Err(error)) = timeout_at(patience, receipt.extend(LEASE)).await {
            story.not_extended(&error);
        }
    }
}

/// The attempt, and what it has to say published.
async fn answered(delivery: &Delivery, call: Call) -> Outcome {
    let mut outcome = caught(&*delivery.handler, call).await;
    publish(&mut outcome, delivery.replies.as_deref()).await;
    outcome
}

/// A handler that panics has failed as a component that traps.
async fn caught(handler: &dyn Handle, call: Call) -> Outcome {
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
