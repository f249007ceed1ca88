//! Serves the intake's listener within its limits. What each request does is in `route`.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::route::Intake;
use super::{IntakeState, Settings};
use crate::admin::Admin;
use crate::listener::{self, ListenerLimits};
use crate::trouble::{Troubles, descriptors};

/// The limits of publishers' connections. A head of 1 MiB is large enough for all the
/// metadata that a message may have.
const LIMITS: ListenerLimits = ListenerLimits {
    connections: 1024,
    extra: 64,
    head: 1 << 20,
    heads: 64 << 20,
    idle: Duration::from_secs(75),
};
/// How long requests in progress may take to end at shutdown.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Serves publishers and operators until `shutdown` completes. Requests in progress may
/// then end within the time that `shutdown` returns.
pub async fn serve(
    listener: TcpListener,
    state: Arc<IntakeState>,
    settings: Settings,
    admin: Arc<Admin>,
    troubles: Troubles,
    shutdown: impl Future<Output = Duration>,
) {
    let most = descriptors::for_intake(descriptors::limit());
    let limits = ListenerLimits {
        connections: LIMITS.connections.min(most),
        ..LIMITS
    };
    let intake = Arc::new(Intake::new(state, admin, settings));
    if !listener::serve(listener, intake, limits, troubles, shutdown).await {
        tracing::warn!("connections of publishers that were still sending were closed at shutdown");
    }
}
