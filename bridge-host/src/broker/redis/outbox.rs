//! Commands whose answers no caller awaits: they extend leases, and give back or acknowledge messages.
//! They are sent in their order. Messages are published elsewhere (`publish`).

use std::sync::{Arc, Weak};

use redis::{Cmd, Pipeline, pipe};
use tokio::sync::Notify;

use crate::broker::kit::outbox::{Parcel, Parcels};

/// The most commands in one pipeline.
const BATCH: usize = 128;

/// Runs pipelines on a connection.
pub(super) trait Pipe: Send + Sync + 'static {
    /// Runs a pipeline, and handles its errors.
    fn run(&self, pipeline: &Pipeline) -> impl Future<Output = ()> + Send;
}

/// A command, and the task to wake once Redis has answered.
pub(super) type Command = (Cmd, Option<Arc<Notify>>);

/// Sends parcels for as long as the connection exists.
pub(super) async fn send_all(to: Weak<impl Pipe>, mut parcels: Parcels<Command>) {
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
                Parcel::Item((cmd, wakes)) => {
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
