//! What the requests of a client share: the connection pool, the TLS settings, and the limit on
//! connections. How a request uses them is in `pending_request`.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio_rustls::TlsConnector;

use super::connection_limit::{ConnectionLimit, ConnectionPermit};
use super::pool::ConnectionPool;
use super::target::Target;
use super::thread_load::ThreadLoad;
use super::{HttpError, Settings, SettingsError, tls};
use crate::trouble::Shortage;
use crate::trouble::descriptors;

/// How long a connection must have been idle before an endpoint that has used up its share of the
/// connections may replace it.
const REPLACEABLE_AFTER: Duration = Duration::from_secs(1);

/// The state that all clones of a client share. `B` is the body of a request.
pub(super) struct Transport<B> {
    pub pool: Arc<ConnectionPool<B>>,
    pub tls: TlsConnector,
    /// The limit on the open connections of the whole process.
    limit: ConnectionLimit,
    pub load: ThreadLoad,
    is_sweeping: AtomicBool,
}

impl<B> Transport<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Reads the certificates. It opens no connection.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            pool: Arc::new(ConnectionPool::new(settings)),
            tls: tls::connector(settings)?,
            limit: ConnectionLimit::new(descriptors::for_requests(descriptors::limit())),
            load: ThreadLoad::default(),
            is_sweeping: AtomicBool::new(false),
        })
    }

    /// Returns a transport with the same settings and an empty pool. Both share the limit on
    /// connections.
    pub fn for_another_runtime(&self) -> Self {
        Self {
            pool: Arc::new(self.pool.empty()),
            tls: self.tls.clone(),
            limit: self.limit.clone(),
            load: ThreadLoad::default(),
            is_sweeping: AtomicBool::new(false),
        }
    }

    /// Acquires a permit for another connection to `target`. At the limit, it closes idle
    /// connections to make room.
    pub fn connection_permit(&self, target: &Target) -> Result<ConnectionPermit, HttpError> {
        loop {
            let lack = match self.limit.acquire(target) {
                Ok(permit) => return Ok(permit),
                Err(lack) => lack,
            };
            // An endpoint at its share must not take connections that others use all the time.
            let idle_for = match lack {
                Shortage::EndpointShare => REPLACEABLE_AFTER,
                _ => Duration::ZERO,
            };
            if !self.pool.close_oldest(idle_for) {
                return Err(HttpError::Shortage(lack));
            }
        }
    }

    /// Spawns the task that closes idle connections, unless it runs already. The task ends with the
    /// transport.
    pub fn sweep_in_background(&self) {
        if self.is_sweeping.swap(true, Ordering::Relaxed) {
            return;
        }
        let pool: Weak<ConnectionPool<B>> = Arc::downgrade(&self.pool);
        let interval = self.pool.sweep_interval();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                match pool.upgrade() {
                    Some(pool) => pool.sweep(),
                    None => return,
                }
            }
        });
    }
}
