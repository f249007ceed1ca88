//! Components that handle messages asynchronously: many at a time in one
//! instance. What one instance does is in `worker`.
//!
//! A trap ends an instance with all that is under way in it, and tells nobody
//! whose it was. Whoever was not alone there is called once more, alone: so
//! that a poisonous message costs its neighbours time, and not an attempt.

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
use crate::guest::instance::pool::Pool;
use crate::guest::instance::{Instance, InstanceTemplate, limited};
use crate::guest::interfaces::state::State;
use crate::guest::limits::settings::Limits;
use crate::message::MessageId;

use bindings::Receiver;
pub(crate) use bindings::ReceiverPre;
use worker::{Answer, Worker};

/// The instances of one component, of which one at a time takes new calls.
pub(crate) struct ConcurrentInstances {
    pool: Arc<Pool<ReceiverPre<State>>>,
    open: Mutex<Option<Worker>>,
}

impl ConcurrentInstances {
    pub(crate) fn new(template: InstanceTemplate<ReceiverPre<State>>) -> Self {
        Self {
            pool: Pool::new(template),
            open: Mutex::new(None),
        }
    }

    /// The topics that the component itself asks for.
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
            match ask(&worker, call.clone()).await {
                Asked::Ended(outcome) => return outcome,
                Asked::NotTaken => {}
                Asked::Lost { left, .. } => {
                    call.timeout = left;
                    break;
                }
            }
        }
        self.handle_alone(call).await
    }

    /// Calls an instance that no other call shares.
    async fn handle_alone(&self, call: Call) -> Outcome {
        let worker = match self.start().await {
            Ok(worker) => worker,
            Err(failure) => return failure.into(),
        };
        match ask(&worker, call).await {
            Asked::Ended(outcome) => outcome,
            Asked::Lost { failure, .. } => failure.into(),
            Asked::NotTaken => Failure::Start("it ended before it was called".into()).into(),
        }
    }

    /// The one that takes new calls.
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

/// What came of asking a worker.
enum Asked {
    Ended(Outcome),
    /// It was on its way out, and did not begin.
    NotTaken,
    /// It failed, with others under way beside this call.
    Lost {
        failure: Failure,
        /// Of the call's time.
        left: Duration,
    },
}

async fn ask(worker: &Worker, call: Call) -> Asked {
    let (limit, record) = (call.timeout, CallRecord::default());
    let Some(answer) = worker.call(call, record.clone()).await else {
        return Asked::NotTaken;
    };
    let began = Instant::now();
    let left = || wait_clock::left(limit, began, record.waits());
    // Dropped at the end of its time, it tells the worker so.
    let (mut result, sent) = match within(pin!(answer.wait()), limit, record.waits()).await {
        Some(Answer::Returned { result, sent }) => (result, sent),
        Some(Answer::Failed(failure)) => (failure.into(), 0),
        Some(Answer::Lost(failure)) => {
            return Asked::Lost {
                failure,
                left: left(),
            };
        }
        None => (Failure::OutOfTime(limit).into(), 0),
    };
    let replies = conclude(&mut result, &record, left(), limit).await;
    Asked::Ended(Outcome {
        result,
        exchanges: record.take_exchanges(),
        sent,
        contained: false,
        replies,
        unmade: record.unmade(),
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
