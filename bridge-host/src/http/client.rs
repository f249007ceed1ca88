//! The pooled client: what its requests share, and what each is given. How one
//! goes out is in `sending`.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tokio_rustls::TlsConnector;

use super::connections::{Connected, Connections};
use super::pace::Pace;
use super::pool::Pool;
use super::sending::{Route, Sending, Unsent};
use super::target::Target;
use super::upload::Upload;
use super::{Allow, HttpError, ResponseBody, Settings, SettingsError, tls};
use crate::trouble::Shortage;
use crate::trouble::descriptors;

/// Who sends, where a request does not say it: some endpoints answer 403 to
/// requests without.
const OWN_NAME: HeaderValue =
    HeaderValue::from_static(concat!("bridge-host/", env!("CARGO_PKG_VERSION")));

/// An endpoint that has its share of the connections gets one in place of an
/// idle one that was not used for this long.
const UNUSED: Duration = Duration::from_secs(1);

/// What one request is given.
#[derive(Clone, Debug)]
pub struct Options {
    /// For resolving, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// From the connection to the head of the response.
    pub first_byte_timeout: Duration,
    /// The head has to be there by then, however long connecting took.
    pub deadline: Option<Instant>,
    /// The longest the body may stall.
    pub between_bytes_timeout: Option<Duration>,
    /// What may be reached.
    pub allow: Arc<Allow>,
    /// How the request's body goes out.
    pub upload: Upload,
}

/// The pooled client; clones share the pool. `B` is the body of its requests.
///
/// A connection runs on the runtime whose request opened it: where there are
/// several, each has a client of its own.
pub struct Client<B> {
    pub(super) shared: Arc<Shared<B>>,
}

/// What the clones of a client share.
pub(super) struct Shared<B> {
    pub pool: Arc<Pool<B>>,
    pub tls: TlsConnector,
    /// The connections that all clients of the process may have.
    connections: Connections,
    pub pace: Pace,
    swept: AtomicBool,
}

impl<B> Clone for Client<B> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<B> Client<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Reads the certificates; no connection is made yet.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            shared: Arc::new(Shared {
                pool: Arc::new(Pool::new(settings)),
                tls: tls::connector(settings)?,
                connections: Connections::new(descriptors::for_requests(descriptors::limit())),
                pace: Pace::default(),
                swept: AtomicBool::new(false),
            }),
        })
    }

    /// The same client with connections of its own, for another runtime. How
    /// many there may be is counted together.
    pub fn apart(&self) -> Self {
        Self {
            shared: Arc::new(Shared {
                pool: Arc::new(self.shared.pool.empty()),
                tls: self.shared.tls.clone(),
                connections: self.shared.connections.clone(),
                pace: Pace::default(),
                swept: AtomicBool::new(false),
            }),
        }
    }

    /// Sends a request, whose URL is absolute, and returns when the head of
    /// the response is there. Dropped before that, it closes the connection.
    pub async fn send(
        &self,
        request: Request<B>,
        options: &Options,
    ) -> Result<Response<ResponseBody<B>>, HttpError> {
        let begun = self.begin(request, options.clone());
        begun.map_err(|unsent| unsent.error)?.response().await
    }

    /// As [`Self::send`], up to where it would wait.
    pub fn begin(
        &self,
        mut request: Request<B>,
        options: Options,
    ) -> Result<Sending<B>, Unsent<B>> {
        let target = Target::of(&request).and_then(|target| {
            let allow = &options.allow;
            allow.check_host(target.host(), target.port())?;
            Ok(target)
        });
        let target = match target {
            Ok(target) => target,
            Err(error) => {
                let body = request.into_body();
                return Err(Unsent { error, body });
            }
        };
        let headers = request.headers_mut();
        headers.entry(USER_AGENT).or_insert(OWN_NAME);
        let route = Route {
            slot: self.shared.pool.slot(&target),
            client: self.clone(),
            target,
            options,
        };
        Ok(Sending::new(route, request))
    }

    /// Takes the right to one more connection to this target. Closes idle
    /// connections for it if none are left.
    pub(super) fn connected(&self, target: &Target) -> Result<Connected, HttpError> {
        let Shared {
            connections, pool, ..
        } = &*self.shared;
        loop {
            let lack = match connections.take(target) {
                Ok(connected) => return Ok(connected),
                Err(lack) => lack,
            };
            // Endpoints keep what they use all the time.
            let unused = match lack {
                Shortage::EndpointShare => UNUSED,
                _ => Duration::ZERO,
            };
            if !pool.close_oldest(unused) {
                return Err(HttpError::Shortage(lack));
            }
        }
    }

    /// Starts closing idle connections, once; it ends with the client.
    pub(super) fn sweep_in_background(&self) {
        if self.shared.swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let pool: Weak<Pool<B>> = Arc::downgrade(&self.shared.pool);
        let interval = self.shared.pool.sweep_interval();
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
