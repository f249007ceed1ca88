//! One instance, and the calls that are under way in it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use wasmtime::component::{Accessor, Resource};
use wasmtime::{AsContextMut, Result, StoreContextMut};

use super::bindings::{Receiver, ReceiverPre};
use crate::guest::call::call_record::CallRecord;
use crate::guest::call::calls::CallState;
use crate::guest::call::outcome::{Call, CallResult, Failure};
use crate::guest::instance::Instance;
use crate::guest::instance::pool::{Lease, Pool};
use crate::guest::interfaces::messaging::HeldMessage;
use crate::guest::interfaces::state::State;
use crate::guest::limits::cpu_meter::{OutOfCompute, metered_between};

/// An instance without calls is given back after this time, for whoever needs
/// its memory.
const REST: Duration = Duration::from_secs(1);

/// The way to an instance. Clones lead to the same one.
#[derive(Clone)]
pub(super) struct Worker {
    jobs: UnboundedSender<Job>,
    end: watch::Receiver<Option<End>>,
}

/// How an instance ended that did not just finish.
#[derive(Clone)]
struct End {
    failure: Failure,
    in_flight: u32,
}

/// One call for an instance.
struct Job {
    call: Call,
    record: CallRecord,
    started: oneshot::Sender<()>,
    answer: oneshot::Sender<Answer>,
}

/// How a call ended.
pub(super) enum Answer {
    Returned {
        result: CallResult,
        /// Messages that it sent.
        sent: u32,
    },
    /// The instance is gone, and this call was the only one in it.
    Failed(Failure),
    /// The instance is gone, and it may have been another call's doing.
    Lost(Failure),
}

/// An answer to come. Dropped, it gives the call up.
pub(super) struct Pending {
    answer: oneshot::Receiver<Answer>,
    end: watch::Receiver<Option<End>>,
}

impl Worker {
    pub(super) fn start(
        pool: Arc<Pool<ReceiverPre<State>>>,
        lease: Lease<ReceiverPre<State>>,
        instance: Instance<Receiver>,
    ) -> Self {
        let (jobs, queue) = unbounded_channel();
        let (told, end) = watch::channel(None);
        tokio::spawn(async move {
            if let Err(end) = run(&pool, lease, instance, queue).await {
                told.send_replace(Some(end));
            }
        });
        Self { jobs, end }
    }

    /// Whether it takes calls.
    pub(super) fn is_open(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Has a call begun; none if it does not begin any more.
    pub(super) async fn call(&self, call: Call, record: CallRecord) -> Option<Pending> {
        let (started, begun) = oneshot::channel();
        let (sender, answer) = oneshot::channel();
        let job = Job {
            call,
            record,
            started,
            answer: sender,
        };
        self.jobs.send(job).ok()?;
        begun.await.ok()?;
        let end = self.end.clone();
        Some(Pending { answer, end })
    }
}

impl Pending {
    pub(super) async fn wait(mut self) -> Answer {
        if let Ok(answer) = (&mut self.answer).await {
            return answer;
        }
        match self.end.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(end)) if end.in_flight > 1 => Answer::Lost(end.failure.clone()),
            Ok(Some(end)) => Answer::Failed(end.failure.clone()),
            _ => Answer::Lost(Failure::Trap {
                message: "the host stopped it".into(),
                backtrace: None,
            }),
        }
    }
}

/// What is known of an instance from outside of its store.
#[derive(Default)]
struct Watch {
    in_flight: AtomicU32,
    /// Begun and ended calls: while it does not grow, the computing of one is
    /// counted.
    steps: AtomicU32,
    /// Calls that were given up, and whose tasks still run.
    given_up: AtomicU32,
}

async fn run(
    pool: &Pool<ReceiverPre<State>>,
    lease: Lease<ReceiverPre<State>>,
    mut instance: Instance<Receiver>,
    queue: UnboundedReceiver<Job>,
) -> Result<(), End> {
    let (watch, limits) = (Watch::default(), pool.limits());
    let before = instance.calls();
    let bindings = &instance.bindings;
    let serve = async |store: &Accessor<State>| {
        let share = limits.max_calls.saturating_sub(before);
        let half = limits.memory / 2;
        CallDispatcher {
            store,
            bindings,
            watch: &watch,
            memory: limits.memory,
        }
        .serve(queue, share, half)
        .await
    };
    let served = {
        let served = pin!(instance.store.run_concurrent(serve));
        metered_between(served, limits.cpu_time, || watch.steps.load(Relaxed)).await
    };
    let failure = match served.map(Result::flatten) {
        Ok(Ok(calls)) => {
            instance.count(calls);
            // What runs on in it ends with it.
            if watch.given_up.load(Relaxed) == 0 {
                let holds = !instance.store.data().table.is_empty();
                tracing::debug!(calls = instance.calls(), holds, "an instance rests");
                instance.store.data().end_lines();
                lease.give_back(instance);
            }
            return Ok(());
        }
        Ok(Err(trap)) => instance.failure(trap, limits),
        Err(OutOfCompute) => instance.failed(Failure::OutOfCompute(limits.cpu_time)),
    };
    Err(End {
        failure,
        // One that was given up may have been at it.
        in_flight: watch.in_flight.load(Relaxed) + watch.given_up.load(Relaxed),
    })
}

/// Where calls are taken in and answered, inside of the store.
struct CallDispatcher<'a> {
    store: &'a Accessor<State>,
    bindings: &'a Receiver,
    watch: &'a Watch,
    /// The most that the instance may have, in bytes.
    memory: u64,
}

impl CallDispatcher<'_> {
    /// Takes calls, no more than `share` and none while the instance has more
    /// than `half` of its memory, until nobody has any. Tells how many it took.
    async fn serve(&self, mut queue: UnboundedReceiver<Job>, share: u32, half: u64) -> Result<u32> {
        let (mut open, mut calls) = (true, 0);
        let mut running = FuturesUnordered::new();
        while open || !running.is_empty() {
            let idle = running.is_empty();
            let room = idle || self.taken() < half;
            tokio::select! {
                biased;
                Some(end) = running.next() => {
                    if let Finish::GivenUp = end? {
                        queue.close();
                    }
                }
                job = next(&mut queue, idle), if open && room => match job {
                    Some(job) => {
                        calls += 1;
                        if calls >= share {
                            queue.close();
                        }
                        running.push(self.carry_out(job));
                    }
                    None => open = false,
                },
            }
        }
        Ok(calls)
    }

    fn taken(&self) -> u64 {
        self.store
            .with(|mut store| store.data_mut().limiter.taken())
    }

    async fn carry_out(&self, job: Job) -> Result<Finish> {
        let Job {
            call,
            record,
            started,
            mut answer,
        } = job;
        let Watch {
            in_flight, steps, ..
        } = self.watch;
        let alone = in_flight.fetch_add(1, Relaxed) == 0;
        steps.fetch_add(1, Relaxed);
        let _ = started.send(());
        // Amid others, nobody knows who prints.
        let printer = alone.then(|| call.id.clone());
        (self.store).with(|mut store| store.data_mut().begin_lines(printer));
        let handler = self.bindings.bridge_messaging_incoming_handler();
        let function = handler.func_handle();
        let called = self.store.with(|mut store| {
            let Some((message, state)) = receive(store.as_context_mut(), call, record) else {
                return Ok(None);
            };
            let called = function.start_call_concurrent(&mut store, (message,))?;
            store.data_mut().hooks.calls.add(called.task(), state);
            Ok::<_, wasmtime::Error>(Some(called))
        })?;
        let Some(called) = called else {
            // Beside the others there is no room for it.
            let _ = answer.send(Answer::Lost(Failure::OutOfMemory(self.memory)));
            in_flight.fetch_sub(1, Relaxed);
            return Ok(Finish::Returned);
        };
        let task = called.task();
        let finish = tokio::select! {
            biased;
            result = function.finish_call_concurrent(self.store, called) => {
                let (result,) = result?;
                let ended = self.store.with(|mut store| store.data_mut().end(task));
                let _ = answer.send(Answer::Returned {
                    result: result.map_or_else(CallResult::from, |()| CallResult::Ok),
                    sent: ended.map_or(0, |call| call.sent),
                });
                Finish::Returned
            }
            () = answer.closed() => {
                self.watch.given_up.fetch_add(1, Relaxed);
                Finish::GivenUp
            }
        };
        in_flight.fetch_sub(1, Relaxed);
        steps.fetch_add(1, Relaxed);
        Ok(finish)
    }
}

enum Finish {
    Returned,
    GivenUp,
}

/// The next call; none once there will be no more. An instance without calls
/// does not wait for long.
async fn next(queue: &mut UnboundedReceiver<Job>, idle: bool) -> Option<Job> {
    if !idle {
        return queue.recv().await;
    }
    match timeout(REST, queue.recv()).await {
        Ok(job) => job,
        Err(_) => {
            queue.close();
            queue.recv().await
        }
    }
}

/// What `handle` is called with, and the record of the call; `None` where the
/// instance has no room for the message.
fn receive(
    mut store: StoreContextMut<'_, State>,
    call: Call,
    record: CallRecord,
) -> Option<(Resource<HeldMessage>, CallState)> {
    let Call {
        message,
        id,
        reply_to,
        timeout,
    } = call;
    let state = store.data_mut();
    state.limiter.forget_excess();
    let hops = message.hops();
    let held = state.receive(message, id.clone(), reply_to).ok()?;
    let mut call = CallState::with(record, id, timeout);
    call.hops = hops;
    Some((held, call))
}
