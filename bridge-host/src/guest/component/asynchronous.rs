//! Components that handle messages asynchronously, many at a time in one instance. One instance is
//! run in `worker`.
//!
//! A trap ends an instance with all calls in it, and does not say which call trapped. So each call
//! that shared the instance is repeated in an instance without other calls. A poison message then
//! costs its neighbours time, but not an attempt.

mod bindings;
mod worker;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::guest::call::call_record::CallRecord;
use crate::guest::call::conclusion::conclude;
use crate::guest::call::outcome::{Call, CallResult, Failure, Outcome};
use crate::guest::call::wait_clock::{self, within};
use crate::guest::instance::pool::InstancePool;
use crate::guest::instance::{Instance, InstanceTemplate, limited};
use crate::guest::interfaces::state::State;
use crate::guest::limits::settings::Limits;
use crate::message::MessageId;

use bindings::Receiver;
pub(crate) use bindings::ReceiverPre;
use worker::{Answer, Worker};

/// The instances of one component. One of them at a time accepts new calls.
pub(crate) struct ConcurrentInstances {
    pool: Arc<InstancePool<ReceiverPre<State>>>,
    open: Mutex<Option<Worker>>,
}

impl ConcurrentInstances {
    pub(crate) fn new(template: InstanceTemplate<ReceiverPre<State>>) -> Self {
        Self {
            pool: InstancePool::new(template),
            open: Mutex::new(None),
        }
    }

    /// Returns the topics that the component asks for.
    pub(crate) async fn subscribe(&self, timeout: Duration) -> Result<Vec<String>, CallResult> {
        let (lease, mut instance) = self.pool.take().await?;
        let topics = instance.subscribe(timeout, self.pool.limits()).await?;
        lease.give_back(instance);
        Ok(topics)
    }

    /// Makes one attempt.
    pub(crate) async fn handle(&self, mut call: Call) -> Outcome {
        while self.pool.limits().reuse {
            let worker = match self.worker().await {
                Ok(worker) => worker,
                Err(failure) => return failure.into(),
            };
            match call_worker(&worker, call.clone()).await {
                WorkerResult::Finished(outcome) => return outcome,
                WorkerResult::Rejected => {}
                WorkerResult::Lost { left, .. } => {
                    call.timeout = left;
                    break;
                }
            }
        }
        self.handle_alone(call).await
    }

    /// Makes a call in an instance that no other call shares.
    async fn handle_alone(&self, call: Call) -> Outcome {
        let worker = match self.start().await {
            Ok(worker) => worker,
            Err(failure) => return failure.into(),
        };
        match call_worker(&worker, call).await {
            WorkerResult::Finished(outcome) => outcome,
            WorkerResult::Lost { failure, .. } => failure.into(),
            WorkerResult::Rejected => Failure::Start("it ended before it was called".into()).into(),
        }
    }

    /// Returns the worker that accepts new calls. Starts one if there is none.
    async fn worker(&self) -> Result<Worker, Failure> {
        let mut open = self.open.lock().await;
        if let Some(worker) = open.as_ref().filter(|worker| worker.is_open()) {
            return Ok(worker.clone());
        }
        let worker = self.start().await?;
        Ok(open.insert(worker).clone())
    }

    async fn start(&self) -> Result<Worker, Failure> {
        let (lease, instance) = self.pool.take().await?;
        Ok(Worker::start(self.pool.clone(), lease, instance))
    }
}

/// What became of a call that was passed to a worker.
enum WorkerResult {
    Finished(Outcome),
    /// The worker was shutting down, and did not begin the call.
    Rejected,
    /// The instance failed, with other calls in progress besides this one.
    Lost {
        failure: Failure,
        /// What is left of the call's time.
        left: Duration,
    },
}

async fn call_worker(worker: &Worker, call: Call) -> WorkerResult {
    let (limit, record) = (call.timeout, CallRecord::default());
    let Some(answer) = worker.call(call, record.clone()).await else {
        return WorkerResult::Rejected;
    };
    let began = Instant::now();
    let left = || wait_clock::left(limit, began, record.waits());
    // Dropping `answer` when the time runs out cancels the call in the worker.
    let (mut result, sent) = match within(pin!(answer.wait()), limit, record.waits()).await {
        Some(Answer::Returned { result, sent }) => (result, sent),
        Some(Answer::Failed(failure)) => (failure.into(), 0),
        Some(Answer::Lost(failure)) => {
            return WorkerResult::Lost {
                failure,
                left: left(),
            };
        }
        None => (Failure::OutOfTime(limit).into(), 0),
    };
    let replies = conclude(&mut result, &record, left(), limit).await;
    WorkerResult::Finished(Outcome {
        result,
        exchanges: record.take_exchanges(),
        sent,
        has_hidden_effects: false,
        replies,
        unprocessed: record.unprocessed(),
    })
}

impl Instance<Receiver> {
    async fn subscribe(
        &mut self,
        timeout: Duration,
        limits: &Limits,
    ) -> Result<Vec<String>, CallResult> {
        self.begin(MessageId::placeholder(), timeout);
        let handler = self.bindings.bridge_messaging_incoming_handler();
        let call = self
            .store
            .run_concurrent(async |store| handler.call_subscribe(store).await);
        let end = limited(call, timeout, limits).await?;
        let topics = end.flatten().map_err(|trap| self.failure(trap, limits))?;
        topics.map_err(CallResult::from)
    }
}
