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
use super::http1::Http1;
use super::pace::Pace;
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
    /// All of the request's body is there, and so short that a connection takes it
    /// at once: nothing has to be written while the response is waited for.
    pub at_once: bool,
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
    pace: Pace,
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
                pace: Pace::default(),
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
            request: Some(request),
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
    /// Until it is handed over.
    request: Option<Request<B>>,
}

impl<B> Sending<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Whether there is a connection for it: then it is handed over when
    /// [`Self::response`] is first polled.
    pub fn is_connected(&self) -> bool {
        self.kept.is_some()
    }

    /// Sends it, and returns when the head of the response is there. Dropped
    /// before that, it closes the connection.
    pub async fn response(&mut self) -> Result<Response<ResponseBody<B>>, HttpError> {
        if let Some(connection) = self.kept.take() {
            let limit = self.route.options.first_byte_timeout;
            let answer = self.exchange(connection, limit).await;
            // A connection that was kept may have been closed meanwhile. hyper
            // hands the request back only when not a byte of it was written, so
            // a new connection is no second attempt: the endpoint has seen none.
            if self.request.is_none() {
                return answer;
            }
        }
        // In a box, as it is rare and large beside an exchange.
        Box::pin(async {
            let connection = self.route.open().await?;
            let limit = self.route.within(self.route.options.first_byte_timeout);
            self.exchange(connection, limit).await
        })
        .await
    }

    /// Sends the request; it is here again when nothing of it was written.
    async fn exchange(
        &mut self,
        (sender, peer): Connection<B>,
        limit: Duration,
    ) -> Result<Response<ResponseBody<B>>, HttpError> {
        let mut request = self.request.take().ok_or_else(never_sent)?;
        let (result, lease) = match sender {
            Sender::Http1(mut connection) => {
                let result = timeout(limit, self.route.send(&mut connection, request)).await;
                let slot = self.route.slot.clone();
                (result, Some(Lease::new(connection, peer, slot)))
            }
            Sender::Http2(mut sender) => {
                self.route.target.to_http2(&mut request);
                // In a box, so that the others' is no larger for it.
                let sent = Box::pin(sender.try_send_request(request));
                (timeout(limit, sent).await, None)
            }
        };
        match result {
            Err(_) => Err(HttpError::ResponseTimeout(limit)),
            Ok(Ok(response)) => Ok(self.route.respond(response, lease)),
            Ok(Err(mut error)) => {
                self.request = error.take_message();
                Err(match &self.request {
                    Some(_) => never_sent(),
                    None => HttpError::of_exchange(error.error()),
                })
            }
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

    /// Over HTTP/1.1.
    fn send(
        &self,
        connection: &mut Http1<B>,
        mut request: Request<B>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>> {
        if !self.options.at_once || self.client.shared.pace.is_busy() {
            connection.run();
        }
        self.target.to_http1(&mut request, &self.slot.host_header);
        connection.send(request)
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

fn never_sent() -> HttpError {
    HttpError::Closed("it was closed before the request was written".into())
}
