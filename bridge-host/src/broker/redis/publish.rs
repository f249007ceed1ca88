//! Publishing: sends commands in the order in which they were queued, in pipelines of all that wait.
//! The fields of a message are in `fields`.

use std::sync::Arc;

use redis::{Cmd, RedisResult, Value, pipe};
use tokio::sync::{mpsc, oneshot};

use super::client::ReconnectingClient;
use super::error::{Outage, broker_error};
use crate::broker::BrokerError;

/// The most commands in one pipeline.
const BATCH: usize = 256;
/// How many commands may be queued; beyond that, publishers wait.
const WAITING: usize = 4096;

/// Whether the message was a duplicate, or why it was not published.
type Answer = Result<bool, BrokerError>;

struct QueuedPublish {
    cmd: Cmd,
    done: oneshot::Sender<Answer>,
}

/// Publishes all messages of a connection, in their order.
pub(super) struct Publisher(mpsc::Sender<QueuedPublish>);

impl Publisher {
    /// Starts the task that sends the commands.
    pub(super) fn new(client: &Arc<ReconnectingClient>) -> Self {
        let (orders, taken) = mpsc::channel(WAITING);
        client.runtime.spawn(send_all(Arc::clone(client), taken));
        Self(orders)
    }

    /// Queues a command. Returns once the command has its place in the queue, with
    /// a receiver for the answer.
    pub(super) async fn send(&self, cmd: Cmd) -> Result<oneshot::Receiver<Answer>, BrokerError> {
        let (done, answer) = oneshot::channel();
        let sent = self.0.send(QueuedPublish { cmd, done }).await;
        sent.map_err(|_| Outage::Ended)?;
        Ok(answer)
    }
}

async fn send_all(client: Arc<ReconnectingClient>, mut orders: mpsc::Receiver<QueuedPublish>) {
    let mut batch = Vec::with_capacity(BATCH);
    while orders.recv_many(&mut batch, BATCH).await > 0 {
        let (mut pipe, mut waiting) = (pipe(), Vec::with_capacity(batch.len()));
        for QueuedPublish { cmd, done } in batch.drain(..) {
            pipe.add_command(cmd);
            waiting.push(done);
        }
        let answers = client.pipeline(pipe.ignore_errors()).await;
        answer_all(answers, waiting);
    }
}

fn answer_all(
    answers: Result<Vec<RedisResult<Value>>, BrokerError>,
    waiting: Vec<oneshot::Sender<Answer>>,
) {
    match answers {
        Ok(answers) => {
            for (done, answer) in waiting.into_iter().zip(answers) {
                let is_duplicate = |answer| answer == Value::Nil;
                let _ = done.send(answer.map(is_duplicate).map_err(broker_error));
            }
        }
        Err(error) => {
            for done in waiting {
                let _ = done.send(Err(error.clone()));
            }
        }
    }
}
