//! A worker: one instance, and the calls in progress in it.

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
use crate::guest::call::outcome::{Call, CallResult, Failure};
use crate::guest::call::store_calls::CallState;
use crate::guest::instance::Instance;
use crate::guest::instance::pool::{InstanceLease, InstancePool};
use crate::guest::interfaces::messaging::HeldMessage;
use crate::guest::interfaces::state::State;
use crate::guest::limits::cpu_meter::{OutOfCpuTime, metered_between};

/// How long an instance may be without calls before it returns to the pool, so that other instances
/// can use its memory.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// The handle of a worker. Clones refer to the same one.
#[derive(Clone)]
pub(super) struct Worker {
    jobs: UnboundedSender<Job>,
    end: watch::Receiver<Option<WorkerFailure>>,
}

/// How an instance failed.
#[derive(Clone)]
struct WorkerFailure {
    failure: Failure,
    in_flight: u32,
}

/// One call for the instance.
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
        /// How many messages the call sent.
        sent: u32,
    },
    /// The instance failed, and this was the only call in it.
    Failed(Failure),
    /// The instance failed, possibly because of another call.
    Lost(Failure),
}

/// The answer of a call in progress. Dropping it cancels the call.
pub(super) struct PendingCall {
    answer: oneshot::Receiver<Answer>,
    end: watch::Receiver<Option<WorkerFailure>>,
}

impl Worker {
    pub(super) fn start(
        pool: Arc<InstancePool<ReceiverPre<State>>>,
        lease: InstanceLease<ReceiverPre<State>>,
        instance: Instance<Receiver>,
    ) -> Self {
        let (jobs, queue) = unbounded_channel();
        let (failed, end) = watch::channel(None);
        tokio::spawn(async move {
            if let Err(end) = run(&pool, lease, instance, queue).await {
                failed.send_replace(Some(end));
            }
        });
        Self { jobs, end }
    }

    /// Returns whether the worker accepts calls.
    pub(super) fn is_open(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Begins a call. Returns `None` if the worker no longer accepts calls.
    pub(super) async fn call(&self, call: Call, record: CallRecord) -> Option<PendingCall> {
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
        Some(PendingCall { answer, end })
    }
}

impl PendingCall {
    pub(super) async fn wait(mut self) -> Answer {
        if let Ok(answer) = (&mut self.answer).await {
            return answer;
        }
        match self.end.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(end)) if end.in_flight > 1 => Answer::Lost(end.failure.clone()),
            Ok(Some(end)) => Answer::Failed(end.failure.clone()),
            _ => Answer::Lost(Failure::Trap {
                message: "the host stopped the instance".into(),
                backtrace: None,
            }),
        }
    }
}

/// The counters of a worker, which can be read outside of its store.
#[derive(Default)]
struct WorkerCounters {
    in_flight: AtomicU32,
    /// How many calls began or ended. The limit on CPU time applies between two changes.
    steps: AtomicU32,
    /// How many calls were cancelled, but still run.
    cancelled: AtomicU32,
}

async fn run(
    pool: &InstancePool<ReceiverPre<State>>,
    lease: InstanceLease<ReceiverPre<State>>,
    mut instance: Instance<Receiver>,
    queue: UnboundedReceiver<Job>,
) -> Result<(), WorkerFailure> {
    let (counters, limits) = (WorkerCounters::default(), pool.limits());
    let before = instance.calls();
    let bindings = &instance.bindings;
    let serve = async |store: &Accessor<State>| {
        let share = limits.max_calls.saturating_sub(before);
        let half = limits.memory / 2;
        CallDispatcher {
            store,
            bindings,
            counters: &counters,
            memory: limits.memory,
        }
        .serve(queue, share, half)
        .await
    };
    let served = {
        let served = pin!(instance.store.run_concurrent(serve));
        metered_between(served, limits.cpu_time, || counters.steps.load(Relaxed)).await
    };
    let failure = match served.map(Result::flatten) {
        Ok(Ok(calls)) => {
            instance.count(calls);
            // A cancelled call that still runs ends with its instance.
            if counters.cancelled.load(Relaxed) == 0 {
                let holds = !instance.store.data().table.is_empty();
                tracing::debug!(calls = instance.calls(), holds, "an instance became idle");
                instance.store.data().end_lines();
                lease.give_back(instance);
            }
            return Ok(());
        }
        Ok(Err(trap)) => instance.failure(trap, limits),
        Err(OutOfCpuTime) => instance.failed(Failure::OutOfCpuTime(limits.cpu_time)),
    };
    Err(WorkerFailure {
        failure,
        // A cancelled call may have caused the failure.
        in_flight: counters.in_flight.load(Relaxed) + counters.cancelled.load(Relaxed),
    })
}

/// Begins and answers calls inside the store.
struct CallDispatcher<'a> {
    store: &'a Accessor<State>,
    bindings: &'a Receiver,
    counters: &'a WorkerCounters,
    /// The memory limit of the instance, in bytes.
    memory: u64,
}

impl CallDispatcher<'_> {
    /// Makes calls until no more arrive: up to `share` calls, and no further one while the instance
    /// uses more than `half` of its memory. Returns the number of calls.
    async fn serve(&self, mut queue: UnboundedReceiver<Job>, share: u32, half: u64) -> Result<u32> {
        let (mut open, mut calls) = (true, 0);
        let mut running = FuturesUnordered::new();
        while open || !running.is_empty() {
            let idle = running.is_empty();
            let room = idle || self.taken() < half;
            tokio::select! {
                biased;
                Some(end) = running.next() => {
                    if let CallEnd::Cancelled = end? {
                        queue.close();
                    }
                }
                job = next(&mut queue, idle), if open && room => match job {
                    Some(job) => {
                        calls += 1;
                        if calls >= share {
                            queue.close();
                        }
                        running.push(self.run_call(job));
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

    async fn run_call(&self, job: Job) -> Result<CallEnd> {
        let Job {
            call,
            record,
            started,
            mut answer,
        } = job;
        let WorkerCounters {
            in_flight, steps, ..
        } = self.counters;
        let alone = in_flight.fetch_add(1, Relaxed) == 0;
        steps.fetch_add(1, Relaxed);
        let _ = started.send(());
        // If several calls print at a time, their lines cannot be told apart.
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
            // The calls in progress leave no room for the message.
            let _ = answer.send(Answer::Lost(Failure::OutOfMemory(self.memory)));
            in_flight.fetch_sub(1, Relaxed);
            return Ok(CallEnd::Returned);
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
                CallEnd::Returned
            }
            () = answer.closed() => {
                self.counters.cancelled.fetch_add(1, Relaxed);
                CallEnd::Cancelled
            }
        };
        in_flight.fetch_sub(1, Relaxed);
        steps.fetch_add(1, Relaxed);
        Ok(finish)
    }
}

enum CallEnd {
    Returned,
    Cancelled,
}

/// Returns the next call, or `None` if no more will arrive. An instance without calls waits for a
/// limited time.
async fn next(queue: &mut UnboundedReceiver<Job>, idle: bool) -> Option<Job> {
    if !idle {
        return queue.recv().await;
    }
    match timeout(IDLE_TIMEOUT, queue.recv()).await {
        Ok(job) => job,
        Err(_) => {
            queue.close();
            queue.recv().await
        }
    }
}

/// Adds the message of a call to the store. Returns `None` if the instance has no memory for it.
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
    let mut call = CallState::with_record(record, id, timeout);
    call.hops = hops;
    Some((held, call))
}
