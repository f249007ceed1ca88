//! One request, one response: a connection is taken or made, and the request
//! goes out on it once.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::body::Lease;
use super::connect::connect;
use super::pool::{Pool, Sender, Slot};
use super::target::Target;
use super::{Allow, HttpError, ResponseBody, Settings, SettingsError, tls};

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
}

/// The pooled client; clones share the pool. `B` is the body of its requests.
///
/// A connection runs on the runtime whose request opened it: where there are
/// several, each has a client of its own.
pub struct Client<B> {
    shared: Arc<Shared<B>>,
}

struct Shared<B> {
    pool: Arc<Pool<B>>,
    tls: TlsConnector,
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
                swept: AtomicBool::new(false),
            }),
        })
    }

    /// The same client with connections of its own: for another runtime.
    pub fn apart(&self) -> Self {
        Self {
            shared: Arc::new(Shared {
                pool: Arc::new(self.shared.pool.empty()),
                tls: self.shared.tls.clone(),
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
        self.begin(request, options.clone())?.response().await
    }

    /// As [`Self::send`], up to where it would wait.
    pub fn begin(&self, request: Request<B>, options: Options) -> Result<Sending<B>, HttpError> {
        let target = Target::of(&request)?;
        options.allow.check_host(target.host(), target.port())?;
        let route = Route {
            slot: self.shared.pool.slot(&target),
            client: self.clone(),
            target,
            options,
        };
        Ok(Sending {
            kept: route.take(),
            route,
            request,
        })
    }

    /// Starts closing idle connections, once; it ends with the client.
    fn sweep_in_background(&self) {
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

/// A request that is about to go out.
pub struct Sending<B> {
    route: Route<B>,
    kept: Option<Connection<B>>,
    request: Request<B>,
}

impl<B> Sending<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Whether there is a connection for it: then it is handed over when
    /// [`Self::response`] is first polled, and goes out by itself.
    pub fn is_connected(&self) -> bool {
        self.kept.is_some()
    }

    /// Sends it, and returns when the head of the response is there. Dropped
    /// before that, it closes the connection.
    pub async fn response(self) -> Result<Response<ResponseBody<B>>, HttpError> {
        let Self {
            route,
            kept,
            request,
        } = self;
        let was_kept = kept.is_some();
        let limit = route.options.first_byte_timeout;
        let (connection, limit) = match kept {
            Some(connection) => (connection, limit),
            // In a box, as it is rare and large beside an exchange.
            None => (Box::pin(route.open()).await?, route.within(limit)),
        };
        match route.exchange(connection, request, limit).await {
            Ok(response) => response,
            // A connection that was kept may have been closed meanwhile. hyper
            // hands the request back only when not a byte of it was written, so
            // a new connection is no second attempt: the endpoint has seen none.
            Err(request) if was_kept => {
                Box::pin(async {
                    let connection = route.open().await?;
                    let limit = route.within(limit);
                    let result = route.exchange(connection, *request, limit).await;
                    result.unwrap_or_else(|_| Err(never_sent()))
                })
                .await
            }
            Err(_) => Err(never_sent()),
        }
    }
}

/// Where one request goes.
struct Route<B> {
    client: Client<B>,
    target: Target,
    slot: Arc<Slot<B>>,
    options: Options,
}

type Connection<B> = (Sender<B>, SocketAddr);

impl<B> Route<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// A kept connection, if its peer is one that this request may reach.
    fn take(&self) -> Option<Connection<B>> {
        let (host, port) = (self.target.host(), self.target.port());
        let allow = &self.options.allow;
        self.slot
            .take(|peer| allow.check_address(host, port, peer.ip()).is_ok())
    }

    /// A new connection; or another's that was waited for, and can be shared.
    async fn open(&self) -> Result<Connection<B>, HttpError> {
        if self.slot.speaks_http1() {
            return self.connect().await;
        }
        let limit = self.options.connect_timeout;
        let waited = timeout(limit, self.slot.first.lock()).await;
        let guard = waited.map_err(|_| HttpError::ConnectTimeout {
            host: self.target.host().into(),
            after: limit,
        })?;
        match self.take() {
            Some(connection) => Ok(connection),
            None if self.slot.speaks_http1() => {
                drop(guard);
                self.connect().await
            }
            None => self.connect().await,
        }
    }

    /// So long, or what is left of the whole exchange's time.
    fn within(&self, limit: Duration) -> Duration {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        self.options
            .deadline
            .map_or(limit, |it| limit.min(left(it)))
    }

    async fn connect(&self) -> Result<Connection<B>, HttpError> {
        let Options {
            allow,
            connect_timeout,
            ..
        } = &self.options;
        let tls = &self.client.shared.tls;
        let limit = self.within(*connect_timeout);
        let (sender, peer) = connect(&self.target, allow, tls, limit).await?;
        self.client.sweep_in_background();
        self.slot.learn(&sender, peer);
        Ok((sender, peer))
    }

    /// Sends the request, or hands it back when nothing of it was written.
    async fn exchange(
        &self,
        (sender, peer): Connection<B>,
        mut request: Request<B>,
        limit: Duration,
    ) -> Result<Result<Response<ResponseBody<B>>, HttpError>, Box<Request<B>>> {
        let (result, lease) = match sender {
            Sender::Http1(mut sender) => {
                self.target.to_http1(&mut request, &self.slot.host_header);
                let result = timeout(limit, sender.try_send_request(request)).await;
                (result, Some(Lease::new(sender, peer, self.slot.clone())))
            }
            Sender::Http2(mut sender) => {
                self.target.to_http2(&mut request);
                (timeout(limit, sender.try_send_request(request)).await, None)
            }
        };
        match result {
            Err(_) => Ok(Err(HttpError::ResponseTimeout(limit))),
            Ok(Ok(response)) => Ok(Ok(self.respond(response, lease))),
            Ok(Err(error)) => refused(error).map(Err),
        }
    }

    fn respond(
        &self,
        response: Response<Incoming>,
        lease: Option<Lease<B>>,
    ) -> Response<ResponseBody<B>> {
        let stall = self.options.between_bytes_timeout;
        response.map(|body| ResponseBody::new(body, stall, lease))
    }
}

fn refused<B>(mut error: TrySendError<Request<B>>) -> Result<HttpError, Box<Request<B>>> {
    match error.take_message() {
        Some(request) => Err(Box::new(request)),
        None => Ok(HttpError::of_exchange(error.error())),
    }
}

fn never_sent() -> HttpError {
    HttpError::Closed("it was closed before the request was written".into())
}
