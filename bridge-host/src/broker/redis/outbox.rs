//! Commands whose answers no caller awaits: they extend leases, and give back or acknowledge messages.
//! They are sent in their order. Messages are published elsewhere (`publish`).

use std::sync::{Arc, Weak};

use redis::{Cmd, RedisResult, Value, pipe};
use tokio::sync::{Notify, mpsc, oneshot};

use super::connect::Link;

/// The most commands in one pipeline.
const BATCH: usize = 128;

/// An item of the outbox.
pub(super) enum Parcel {
    /// A command, and the task to wake once Redis has answered.
    Command(Cmd, Option<Arc<Notify>>),
    /// Notifies the sender once all earlier commands are done.
    Flush(oneshot::Sender<()>),
}

/// Sends parcels for as long as the link exists.
pub(super) async fn send_all(link: Weak<Link>, mut parcels: mpsc::UnboundedReceiver<Parcel>) {
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
        let Some(link) = link.upgrade() else {
            return;
        };
        if !pipe.is_empty() {
            // Messages of failed commands are redelivered when their lease expires.
            let sent = link.pipeline(pipe.ignore_errors()).await;
            drop::<Result<Vec<RedisResult<Value>>, _>>(sent);
        }
        woken.iter().for_each(|wakes| wakes.notify_one());
        for done in flushed {
            let _ = done.send(());
        }
    }
}
