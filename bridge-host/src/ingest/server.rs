//! The listener for publishers.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::route::Intake;
use super::{Publishing, Settings};
use crate::admin::Admin;
use crate::listener::{self, Limits};
use crate::trouble::{Troubles, descriptors};

/// What publishers may use. A head of 1 MiB holds all the metadata that a
/// message may have.
const LIMITS: Limits = Limits {
    connections: 1024,
    extra: 64,
    head: 1 << 20,
    heads: 64 << 20,
    idle: Duration::from_secs(75),
};
/// Requests under way at a stop have so long to end.
pub const GRACE: Duration = Duration::from_secs(10);

/// Serves publishers and operators until `shutdown` completes, then lets the
/// requests under way end within the time that it returns.
pub async fn serve(
    listener: TcpListener,
    publishing: Arc<Publishing>,
    settings: Settings,
    admin: Arc<Admin>,
    troubles: Troubles,
    shutdown: impl Future<Output = Duration>,
) {
    let most = descriptors::for_intake(descriptors::limit());
    let limits = Limits {
        connections: LIMITS.connections.min(most),
        ..LIMITS
    };
    let intake = Arc::new(Intake::new(publishing, admin, settings));
    if !listener::serve(listener, intake, limits, troubles, shutdown).await {
        tracing::warn!("the connections of publishers that were still sending are closed");
    }
}
