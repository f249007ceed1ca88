//! Keeps a subscription supplied: joins its group, fetches, and begins anew where that ends.
//! How a group is joined and messages are fetched is a broker's [`Supplier`].

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::broker::BrokerError;

/// The pause between two attempts to join a group; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// Why fetching ended.
pub enum End {
    /// It is to be begun anew.
    Again,
    /// The group is gone, or out of reach: it is to be joined again.
    Lost,
    /// The subscription was dropped.
    Stopped,
}

/// A broker's way to supply one subscription with messages.
pub trait Supplier: Send + Sync + 'static {
    /// Returns whether the group is joined, as far as is known.
    fn is_joined(&self) -> bool;

    /// Joins the group.
    fn join(&mut self) -> impl Future<Output = Result<(), BrokerError>> + Send;

    /// Joining failed, and is tried again after this time.
    fn tell(&self, error: &BrokerError, again_in: Duration);

    /// Fetches messages until there is a reason to begin anew, or until `stop` changes.
    fn fetch(&mut self, stop: &mut watch::Receiver<()>) -> impl Future<Output = End> + Send;

    /// Waits until the server is connected.
    fn connected(&self) -> impl Future<Output = ()> + Send;

    /// Gives back what was fetched and not taken.
    fn end(self) -> impl Future<Output = ()> + Send;
}

/// Keeps a subscription supplied until `stop` changes.
pub async fn supply(mut supplier: impl Supplier, mut stop: watch::Receiver<()>) {
    let mut pause = FIRST_PAUSE;
    loop {
        if !supplier.is_joined()
            && let Err(error) = supplier.join().await
        {
            supplier.tell(&error, pause);
        }
        if supplier.is_joined() {
            match supplier.fetch(&mut stop).await {
                End::Stopped => break,
                End::Again => pause = FIRST_PAUSE,
                End::Lost => {}
            }
        }
        let rest = match supplier.is_joined() {
            true => Duration::ZERO,
            false => pause,
        };
        let resting = async {
            sleep(rest).await;
            supplier.connected().await;
        };
        tokio::select! {
            biased;
            _ = stop.changed() => break,
            () = resting => {}
        }
        if !rest.is_zero() {
            pause = LAST_PAUSE.min(pause * 2);
        }
    }
    supplier.end().await;
}
