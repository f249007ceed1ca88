//! Commands that nobody waits for: leases kept, messages given back or let go. Sent in their order.
//! Messages are published elsewhere (`publish`).

use std::sync::{Arc, Weak};

use redis::{Cmd, RedisResult, Value, pipe};
use tokio::sync::{Notify, mpsc, oneshot};

use super::connect::Link;

/// How many commands go at once.
const BATCH: usize = 128;

/// What is sent without anybody waiting for it.
pub(super) enum Parcel {
    /// A command, and whom to wake once it is done.
    Command(Cmd, Option<Arc<Notify>>),
    /// Everything before is done.
    Flush(oneshot::Sender<()>),
}

/// Sends parcels for as long as the link lives.
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
            // What is not sent is delivered again once its lease is over.
            let sent = link.pipeline(pipe.ignore_errors()).await;
            drop::<Result<Vec<RedisResult<Value>>, _>>(sent);
        }
        woken.iter().for_each(|wakes| wakes.notify_one());
        for done in flushed {
            let _ = done.send(());
        }
    }
}
