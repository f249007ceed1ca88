//! Commands whose answers no caller awaits: they extend leases, and give back or acknowledge messages.
//! They are sent in their order. Messages are published elsewhere (`publish`).

use std::sync::{Arc, Weak};

use redis::{Cmd, Pipeline, pipe};
use tokio::sync::{Notify, mpsc, oneshot};

/// The most commands in one pipeline.
const BATCH: usize = 128;

/// Runs pipelines on a connection.
pub(super) trait Pipe: Send + Sync + 'static {
    /// Runs a pipeline, and handles its errors.
    fn run(&self, pipeline: &Pipeline) -> impl Future<Output = ()> + Send;
}

/// The queue of commands.
pub(super) struct Outbox(mpsc::UnboundedSender<Parcel>);

/// The receiving end of an outbox.
pub(super) type Parcels = mpsc::UnboundedReceiver<Parcel>;

/// An item of the outbox.
pub(super) enum Parcel {
    /// A command, and the task to wake once Redis has answered.
    Command(Cmd, Option<Arc<Notify>>),
    /// Notifies the sender once all earlier commands are done.
    Flush(oneshot::Sender<()>),
}

impl Outbox {
    /// Creates an empty outbox.
    pub(super) fn new() -> (Self, Parcels) {
        let (outbox, parcels) = mpsc::unbounded_channel();
        (Self(outbox), parcels)
    }

    /// Queues a command. `wakes` is notified once Redis has answered.
    pub(super) fn post(&self, cmd: Cmd, wakes: Option<Arc<Notify>>) {
        // The receiver is gone only when the process ends.
        let _ = self.0.send(Parcel::Command(cmd, wakes));
    }

    /// Waits until Redis has answered all queued commands. Returns `false` if the
    /// task that sends them has ended.
    pub(super) async fn flush(&self) -> bool {
        let (done, sent) = oneshot::channel();
        let _ = self.0.send(Parcel::Flush(done));
        sent.await.is_ok()
    }
}

/// Sends parcels for as long as the connection exists.
pub(super) async fn send_all(to: Weak<impl Pipe>, mut parcels: Parcels) {
    while let Some(first) = parcels.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = parcels.try_recv()
        {
            batch.push(next);
        }
        let (mut pipe, mut woken, mut flushed) = (pipe(), Vec::new(), Vec::new());
        for parcel in batch {
            match parcel {
                Parcel::Command(cmd, wakes) => {
                    pipe.add_command(cmd);
                    woken.extend(wakes);
                }
                Parcel::Flush(done) => flushed.push(done),
            }
        }
        let Some(to) = to.upgrade() else {
            return;
        };
        if !pipe.is_empty() {
            to.run(pipe.ignore_errors()).await;
        }
        woken.iter().for_each(|wakes| wakes.notify_one());
        for done in flushed {
            let _ = done.send(());
        }
    }
}
