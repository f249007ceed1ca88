//! A queue of items that are sent without a waiting caller: extensions of leases, returned messages,
//! acknowledgements. Each broker sends its own items.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// The sending end of the queue.
pub struct Outbox<T>(mpsc::UnboundedSender<Parcel<T>>);

/// The receiving end of the queue.
pub type Parcels<T> = mpsc::UnboundedReceiver<Parcel<T>>;

/// What the task that sends the items receives.
pub enum Parcel<T> {
    /// An item to send.
    Item(T),
    /// Notified once all earlier items are sent.
    Flush(oneshot::Sender<()>),
}

impl<T> Outbox<T> {
    /// Creates an empty outbox.
    pub fn new() -> (Self, Parcels<T>) {
        let (outbox, parcels) = mpsc::unbounded_channel();
        (Self(outbox), parcels)
    }

    /// Queues an item.
    pub fn post(&self, item: T) {
        // The receiver is gone only when the process ends.
        let _ = self.0.send(Parcel::Item(item));
    }

    /// Waits until all queued items are sent. Returns `false` if that takes longer than `patience`.
    pub async fn flush(&self, patience: Duration) -> bool {
        let (done, sent) = oneshot::channel();
        let _ = self.0.send(Parcel::Flush(done));
        matches!(timeout(patience, sent).await, Ok(Ok(())))
    }
}
