//! The listeners, which answer from start to stop: the intake, and the listener for
//! operators. What they answer is in `ingest` and `admin`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::error::HostError;
use crate::admin::{self, Admin, Phase};
use crate::config::Config;
use crate::ingest::{self, IntakeState};
use crate::trouble::Troubles;

/// The listeners, bound but not serving yet.
pub(super) struct BoundListeners {
    intake: TcpListener,
    pub(super) address: SocketAddr,
    admin: Option<std::net::TcpListener>,
    pub(super) admin_address: Option<SocketAddr>,
}

/// The running listeners.
pub(super) struct Listeners {
    pub(super) admin: Arc<Admin>,
    pub(super) intake_state: Arc<IntakeState>,
    stop: oneshot::Sender<Duration>,
    intake: JoinHandle<()>,
    /// Stops when it is dropped.
    _operators: Option<admin::Server>,
}

impl BoundListeners {
    pub(super) async fn bind(config: &Config) -> Result<Self, HostError> {
        let address = config.intake.address;
        let listen = |source| HostError::Listen { address, source };
        let intake = TcpListener::bind(address).await.map_err(listen)?;
        let address = intake.local_addr().map_err(listen)?;
        let admin = config.admin.as_ref().map(|admin| bind_admin(admin.address));
        let (admin, admin_address) = admin.transpose()?.unzip();
        Ok(Self {
            intake,
            address,
            admin,
            admin_address,
        })
    }

    /// Starts to serve. Until the start has finished, the listeners answer that the bridge
    /// is starting.
    pub(super) fn start(
        self,
        config: &Config,
        troubles: &Troubles,
    ) -> Result<Listeners, HostError> {
        let admin = Arc::new(Admin::new(troubles.clone()));
        let operators = self.admin.zip(config.admin.as_ref());
        let operators = operators.map(|(listener, settings)| {
            admin::start(listener, settings, admin.clone(), troubles.clone())
        });
        let intake_state = Arc::new(IntakeState::default());
        let (stop, stopped) = oneshot::channel();
        let intake = ingest::serve(
            self.intake,
            intake_state.clone(),
            config.intake.clone(),
            admin.clone(),
            troubles.clone(),
            // An error means that the host, which has the sender, was dropped.
            async { stopped.await.unwrap_or_default() },
        );
        Ok(Listeners {
            _operators: operators.transpose().map_err(HostError::Thread)?,
            intake: tokio::spawn(intake),
            admin,
            intake_state,
            stop,
        })
    }
}

fn bind_admin(address: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), HostError> {
    let listen = |source| HostError::ListenAdmin { address, source };
    let listener = std::net::TcpListener::bind(address).map_err(listen)?;
    listener.set_nonblocking(true).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    Ok((listener, address))
}

impl Listeners {
    /// Refuses messages from now on; the bridge is no longer ready.
    pub(super) fn drain(&self) {
        self.admin.set_phase(Phase::Draining);
        self.intake_state.close();
    }

    /// Stops serving. Requests in progress may end within `grace`.
    pub(super) async fn stop(self, grace: Duration) {
        let _ = self.stop.send(grace);
        let _ = self.intake.await;
    }
}
