//! The hook at which every request of a component leaves its store: on to the
//! one client, and into the record of the call.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::outcome::Exchange;
use super::state::Exchanges;
use crate::http::{Allow, Client, HttpError, Options, ResponseBody, retry_after};

/// Sends the requests of one store.
pub(super) struct Hooks {
    client: Client<WasiBody>,
    allow: Arc<Allow>,
    exchanges: Exchanges,
    /// When the call under way is stopped.
    deadline: Instant,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Io), Error>;

/// What a component has to tell that its endpoint did not answer.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Stands for a deadline that the clock cannot hold.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

impl Hooks {
    pub(super) fn new(client: Client<WasiBody>, allow: Arc<Allow>) -> Self {
        Self {
            client,
            allow,
            exchanges: Exchanges::default(),
            deadline: Instant::now(),
        }
    }

    /// Notes the exchanges of the call that begins.
    pub(super) fn begin(&mut self, exchanges: Exchanges, timeout: Duration) {
        self.exchanges = exchanges;
        let now = Instant::now();
        self.deadline = now.checked_add(timeout).unwrap_or(now + FAR);
    }

    /// No wait is longer than what is left of the call, less a little: so that
    /// the component learns of it, and tells.
    fn options(&self, asked: Option<RequestOptions>) -> Options {
        let asked = asked.unwrap_or_default();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = left - LAST_WORD.min(left / 10);
        let within = |asked: Option<Duration>| asked.map_or(left, |asked| asked.min(left));
        Options {
            connect_timeout: within(asked.connect_timeout),
            first_byte_timeout: within(asked.first_byte_timeout),
            between_bytes_timeout: Some(within(asked.between_bytes_timeout)),
            allow: self.allow.clone(),
        }
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let options = self.options(options);
        let client = self.client.clone();
        let record = Record::begin(&self.exchanges);
        Box::new(async move {
            let answer = client.send(request, &options).await;
            record.end(&answer);
            let response = answer.map_err(lower)?;
            let response = response.map(|body| body.map_err(lower).boxed_unsync());
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
    }
}

/// The place of one exchange in the record of the call.
struct Record {
    exchanges: Exchanges,
    place: usize,
    began: Instant,
}

impl Record {
    fn begin(exchanges: &Exchanges) -> Self {
        let mut list = exchanges.lock().unwrap_or_else(|e| e.into_inner());
        list.push(Exchange {
            result: Err("not answered".into()),
            retry_after: None,
            took: Duration::ZERO,
        });
        Self {
            place: list.len() - 1,
            exchanges: exchanges.clone(),
            began: Instant::now(),
        }
    }

    fn end(self, answer: &Result<Response<ResponseBody<WasiBody>>, HttpError>) {
        let (result, retry_after) = match answer {
            Ok(response) => (
                Ok(response.status().as_u16()),
                retry_after(response.headers(), SystemTime::now()),
            ),
            Err(error) => (Err(error.to_string()), None),
        };
        let mut list = self.exchanges.lock().unwrap_or_else(|e| e.into_inner());
        // Nobody reads it any more when the call is over.
        if let Some(exchange) = list.get_mut(self.place) {
            *exchange = Exchange {
                result,
                retry_after,
                took: self.began.elapsed(),
            };
        }
    }
}

/// A failure of ours in the words of wasi:http. What it has no room for is in
/// the record of the call.
fn lower(error: HttpError) -> Error {
    match error {
        HttpError::Request(_) => Error::HttpRequestUriInvalid,
        HttpError::HostNotAllowed { .. } => Error::HttpRequestDenied,
        HttpError::AddressNotAllowed { .. } => Error::DestinationIpProhibited,
        HttpError::Dns { reason, .. } => Error::DnsError {
            rcode: Some(reason),
            info_code: None,
        },
        HttpError::ConnectRefused(_) => Error::ConnectionRefused,
        HttpError::Connect { .. } => Error::DestinationUnavailable,
        HttpError::ConnectTimeout { .. } => Error::ConnectionTimeout,
        HttpError::Tls { .. } => Error::TlsProtocolError,
        HttpError::Closed(_) => Error::ConnectionTerminated,
        HttpError::ResponseTimeout(_) => Error::HttpResponseTimeout,
        HttpError::BodyTimeout(_) => Error::ConnectionReadTimeout,
        HttpError::Protocol(_) => Error::HttpProtocolError,
        HttpError::Body(why) => Error::InternalError(Some(why)),
    }
}
