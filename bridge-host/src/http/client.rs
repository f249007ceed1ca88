//! The HTTP client: checks a request, and begins it. What its requests share is in `transport`; how
//! a request goes out is in `pending_request`.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use http_body::Body;

use super::pending_request::{PendingRequest, RequestContext, UnsentRequest};
use super::target::Target;
use super::transport::Transport;
use super::{HttpError, RequestOptions, ResponseBody, Settings, SettingsError};

/// The `User-Agent` of a request without one: some endpoints answer 403 to a request without it.
const USER_AGENT_VALUE: HeaderValue =
    HeaderValue::from_static(concat!("bridge-host/", env!("CARGO_PKG_VERSION")));

/// An HTTP client with a connection pool. Clones share the pool. `B` is the body of a request.
///
/// A connection belongs to the runtime whose request opened it. With several runtimes, each one
/// needs its own client: see [`Client::for_another_runtime`].
pub struct Client<B> {
    transport: Arc<Transport<B>>,
}

impl<B> Clone for Client<B> {
    fn clone(&self) -> Self {
        Self {
            transport: self.transport.clone(),
        }
    }
}

impl<B> Client<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Reads the certificates that `settings` names. It opens no connection.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let transport = Arc::new(Transport::new(settings)?);
        Ok(Self { transport })
    }

    /// Returns a client with the same settings and its own connection pool. Both share the limit on
    /// connections.
    pub fn for_another_runtime(&self) -> Self {
        let transport = Arc::new(self.transport.for_another_runtime());
        Self { transport }
    }

    /// Sends a request, whose URL must be absolute, and returns when the head of the response has
    /// arrived. Dropping the future before that closes the connection.
    pub async fn send(
        &self,
        request: Request<B>,
        options: &RequestOptions,
    ) -> Result<Response<ResponseBody<B>>, HttpError> {
        let begun = self.begin(request, options.clone());
        begun.map_err(|unsent| unsent.error)?.response().await
    }

    /// Begins a request as [`Self::send`] does, and stops where `send` would wait.
    ///
    /// Fails when the URL cannot be used, or when the allow list does not have its host.
    pub fn begin(
        &self,
        mut request: Request<B>,
        options: RequestOptions,
    ) -> Result<PendingRequest<B>, UnsentRequest<B>> {
        let target = Target::of(&request).and_then(|target| {
            let allow = &options.allow;
            allow.check_host(target.host(), target.port())?;
            Ok(target)
        });
        let target = match target {
            Ok(target) => target,
            Err(error) => {
                let body = request.into_body();
                return Err(UnsentRequest { error, body });
            }
        };
        let headers = request.headers_mut();
        headers.entry(USER_AGENT).or_insert(USER_AGENT_VALUE);
        let context = RequestContext {
            endpoint: self.transport.pool.endpoint(&target),
            transport: self.transport.clone(),
            target,
            options,
        };
        Ok(PendingRequest::new(context, request))
    }
}
