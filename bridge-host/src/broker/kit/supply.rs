//! Keeps a subscription supplied with messages: joins its group, fetches, and starts again when fetching ends.
//! A broker's [`Supplier`] joins the group and fetches the messages.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::broker::BrokerError;

/// The pause between the first two attempts to join a group; each further pause doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// Why fetching ended.
pub enum FetchEnd {
    /// Fetching has to start again.
    Again,
    /// The group is gone or unreachable, and has to be joined again.
    Lost,
    /// The subscription was dropped.
    Stopped,
}

/// Supplies one subscription with messages from a broker.
pub trait Supplier: Send + Sync + 'static {
    /// Returns whether the group is joined, as far as this host knows.
    fn is_joined(&self) -> bool;

    /// Joins the group.
    fn join(&mut self) -> impl Future<Output = Result<(), BrokerError>> + Send;

    /// Logs that joining failed, and that it is tried again after this time.
    fn log_join_failure(&self, error: &BrokerError, again_in: Duration);

    /// Fetches messages until an error ends fetching, or until `stop` changes.
    fn fetch(&mut self, stop: &mut watch::Receiver<()>) -> impl Future<Output = FetchEnd> + Send;

    /// Waits until the server is connected.
    fn connected(&self) -> impl Future<Output = ()> + Send;

    /// Gives back fetched messages that were not taken.
    fn end(self) -> impl Future<Output = ()> + Send;
}

/// Keeps a subscription supplied until `stop` changes.
pub async fn supply(mut supplier: impl Supplier, mut stop: watch::Receiver<()>) {
    let mut pause = FIRST_PAUSE;
    loop {
        if !supplier.is_joined()
            && let Err(error) = supplier.join().await
        {
            supplier.log_join_failure(&error, pause);
        }
        if supplier.is_joined() {
            match supplier.fetch(&mut stop).await {
                FetchEnd::Stopped => break,
                FetchEnd::Again => pause = FIRST_PAUSE,
                FetchEnd::Lost => {}
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
