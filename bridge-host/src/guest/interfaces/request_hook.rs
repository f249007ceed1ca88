//! The hook at which every request of a component leaves its store: on to the
//! one client, or to the handler in process; and into the record of the call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http::uri::Authority;
use http::{HeaderName, Method, Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::denied::{Denials, swallow};
use super::endpoint::Endpoint;
use super::host_body::HostBodies;
use super::in_process::{self, Asked, NoAnswer};
use super::request_body::Upload;
use crate::guest::call::call_record::{Cause, Place, UnderWay};
use crate::guest::call::calls::Calls;
use crate::guest::call::open_response::Open;
use crate::guest::call::outcome::Unmade;
use crate::guest::call::running::Running;
use crate::guest::limits::settings::Limits;
use crate::http::{Allow, Client, HttpError, Options, ResponseBody, Sending, Unsent};

/// Sends the requests of one store.
pub(crate) struct Hooks {
    client: Client<WasiBody>,
    allow: Arc<Allow>,
    endpoint: Option<Arc<Endpoint>>,
    /// How much the host keeps of a body until it is sent, in bytes: two of these.
    chunk: usize,
    denials: Arc<Denials>,
    pub(crate) calls: Calls,
    /// Those that the host writes into the store.
    pub(crate) bodies: HostBodies,
    /// The store is an HTTP handler's, whose own requests are told by their host.
    pub(crate) of_handler: bool,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Io), Error>;

static FORBIDDEN: [HeaderName; 9] = DEFAULT_FORBIDDEN_HEADERS;

/// What a component has to tell that its endpoint did not answer.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Two chunks hold as much as the one of wasmtime's.
const MAX_CHUNK: usize = 512 << 10;
const MIN_CHUNK: usize = 16 << 10;

/// Comes to the head of the response.
pub(crate) type Responding = BoxFuture<'static, Result<Response<WasiBody>, Error>>;

/// Where a request goes.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what nearly all messages take, and it is not moved"
)]
enum Way {
    InProcess(BoxFuture<'static, in_process::Answer>),
    Network(Sending<WasiBody>),
    Refused(Option<Unsent<WasiBody>>),
}

impl Way {
    /// How it begins where nobody else waits meanwhile. Not handed over is a body
    /// of which the component might wait to write more, or that is long: while it
    /// waits for something else, nobody would send the rest.
    fn start(&self, upload: Upload) -> Start {
        match self {
            Self::InProcess(_) => Start::InCall,
            Self::Network(sending) if upload != Upload::AtOnce || !sending.is_connected() => {
                Start::Apart
            }
            Self::Network(_) | Self::Refused(_) => Start::Handed,
        }
    }

    async fn answer(&mut self, place: &Place, denials: &Denials) -> Answer {
        match self {
            Self::InProcess(asked) => match asked.await {
                Ok((response, running)) => Ok((response, Some(running))),
                Err(reason) => Err(reason.into()),
            },
            Self::Network(sending) => {
                let answer = sending.response().await;
                let answer = answer.map_err(|error| (error, sending.unsent()));
                answered(answer, place.stays_under_way(), denials)
            }
            Self::Refused(unsent) => match unsent.take() {
                Some(Unsent { error, body }) => {
                    let answer = Err((error, Some(body)));
                    answered(answer, place.stays_under_way(), denials)
                }
                None => unreachable!("a future is not asked again once it ended"),
            },
        }
    }
}

/// Why there is no response: for the record, and for the component.
struct Failed {
    why: String,
    cause: Cause,
    unmade: Option<Unmade>,
    error: Error,
}

impl Failed {
    /// Goes into the record; what is left is for the component. A handler's own
    /// requests are told with the host that was `asked`.
    fn recorded(
        mut self,
        place: &Place,
        asked: Option<Authority>,
        endpoint: Option<&Endpoint>,
    ) -> Error {
        if let Some(host) = asked {
            self.why = format!("calling {host}: {}", self.why);
        }
        if let (Cause::Answered(prefix), Some(endpoint)) = (&mut self.cause, endpoint) {
            *prefix = format!("{}: ", endpoint.settings.endpoint);
        }
        place.failed(self.why, self.cause);
        if let Some(unmade) = self.unmade {
            place.was_none(unmade);
        }
        self.error
    }
}

impl Hooks {
    pub(crate) fn new(
        client: Client<WasiBody>,
        allow: Arc<Allow>,
        endpoint: Option<Arc<Endpoint>>,
        limits: &Limits,
        denials: Arc<Denials>,
    ) -> Self {
        // All bodies that may be open at once have a quarter of the memory.
        let share = limits.memory / 8 / u64::from(limits.requests);
        Self {
            client,
            allow,
            endpoint,
            chunk: usize::try_from(share)
                .map_or(MAX_CHUNK, |share| share.clamp(MIN_CHUNK, MAX_CHUNK)),
            denials,
            calls: Calls::none(),
            bodies: HostBodies::default(),
            of_handler: false,
        }
    }

    /// No wait ends later than the call does, less a little: so that
    /// the component learns of it, and tells.
    fn options(
        &self,
        asked: Option<RequestOptions>,
        upload: Option<Upload>,
        deadline: Instant,
    ) -> Options {
        let (asked, now) = (asked.unwrap_or_default(), Instant::now());
        let left = deadline.saturating_duration_since(now);
        let left = left - LAST_WORD.min(left / 10);
        let within = |asked: Option<Duration>| asked.map_or(left, |asked| asked.min(left));
        Options {
            connect_timeout: within(asked.connect_timeout),
            first_byte_timeout: within(asked.first_byte_timeout),
            deadline: Some(now + left),
            between_bytes_timeout: Some(within(asked.between_bytes_timeout)),
            allow: self.allow.clone(),
            at_once: upload == Some(Upload::AtOnce),
        }
    }
}

/// How a request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// In a task of its own: it may wait for much.
    Apart,
    /// In the call that asks for it: it stays in the process.
    InCall,
    /// By being handed to a connection; whoever waits for the response reads it.
    Handed,
}

impl Hooks {
    /// Sends a request of the call under way; the head of the response is what
    /// it comes to. In a store with several calls, which are all in one task, it
    /// begins apart, as it does where nothing is known of its body.
    pub(crate) fn send(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        upload: Option<Upload>,
    ) -> (Start, Responding) {
        let call = self.calls.current();
        let (place, deadline, id) = (call.trace.begin(), call.deadline, call.id.clone());
        let (trace, hops) = (call.trace.clone(), call.hops);
        let options = self.options(options, upload, deadline + trace.waits().so_far());
        let endpoint = self.endpoint.clone();
        let handler = endpoint
            .as_ref()
            .and_then(|it| it.handler_for(request.uri()));
        let mut wanted = endpoint.as_ref().and_then(|it| it.wants(&request, &id));
        if let Some(wanted) = &mut wanted {
            wanted.before = place.asked_for(&wanted.id);
            wanted.hops = hops;
        }
        let to_head = request.method() == Method::HEAD;
        let asked = self.of_handler.then(|| request.uri().authority().cloned());
        let upload = upload.filter(|_| !self.calls.are_shared());
        let mut way = match handler {
            Some(handler) => {
                // The time is that until the first byte: there is nothing to connect to.
                let asked = Asked {
                    request,
                    id,
                    record: trace,
                    deadline,
                    limit: options.first_byte_timeout,
                    in_call: upload.is_some(),
                };
                Way::InProcess(handler.0.answer(asked))
            }
            None => match self.client.begin(request, options) {
                Ok(sending) => Way::Network(sending),
                Err(unsent) => Way::Refused(Some(unsent)),
            },
        };
        let denials = self.denials.clone();
        let start = upload.map_or(Start::Apart, |upload| way.start(upload));
        // Made where it stays, as it is large to move.
        let answer = Box::pin(async move {
            let answer = way.answer(&place, &denials).await;
            let (response, running) =
                answer.map_err(|it| it.recorded(&place, asked.flatten(), endpoint.as_deref()))?;
            place.answered(&response);
            let status = response.status().as_u16();
            let wanted = wanted.filter(|_| endpoint.is_some_and(|it| it.is_success(status)));
            if running.is_none() && wanted.is_none() {
                return Ok(response);
            }
            let (watched, open) = Open::new(response, to_head, running, wanted);
            place.keep(open);
            Ok(watched)
        });
        (start, answer)
    }
}

impl WasiHttpHooks for Hooks {
    /// As by default, without what that allocates for each header.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        FORBIDDEN.contains(name)
    }

    /// In room for one, what writes a body of one part waits for whoever reads
    /// it, to be told that there is room for no more.
    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        2
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        self.chunk
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (_, sending) = self.send(request, options, None);
        let open = self.bodies.open();
        Box::new(async move {
            let response = sending.await?.map(|body| open.of(body));
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
    }
}

type Answer = Result<(Response<WasiBody>, Option<Running>), Failed>;

/// Over the network. The exchange is under way for as long as there is its body;
/// of one that failed, this is left of what it would have sent.
fn answered(
    response: Result<Response<ResponseBody<WasiBody>>, (HttpError, Option<WasiBody>)>,
    under_way: UnderWay,
    denials: &Denials,
) -> Answer {
    let response = response.map_err(|(error, unsent)| {
        denials.note(&error);
        if let Some(body) = unsent {
            swallow(body);
        }
        failed(error)
    })?;
    let broken = move |error| {
        let _ = &under_way;
        lower(error)
    };
    let response = response.map(|body| body.map_err(broken).boxed_unsync());
    Ok((response, None))
}

fn failed(error: HttpError) -> Failed {
    let unmade = match error {
        HttpError::Lack(lack) => Some(Unmade::Lack(lack)),
        HttpError::NotProcessed { .. } => Some(Unmade::Refused),
        _ => None,
    };
    Failed {
        why: error.to_string(),
        cause: Cause::Transport,
        unmade,
        error: lower(error),
    }
}

impl From<NoAnswer> for Failed {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::Failed(failure) => {
                let why = failure.to_string();
                Self {
                    error: Error::InternalError(Some(format!("in the HTTP handler: {why}"))),
                    why,
                    unmade: failure.lack().map(Unmade::Lack),
                    cause: Cause::Handler(failure),
                }
            }
            NoAnswer::Answered { error, during } => {
                let during = during.map_or(String::new(), |it| format!(" while {it}"));
                Self {
                    why: format!("the HTTP handler answered with the error \"{error}\"{during}"),
                    cause: Cause::Answered(String::new()),
                    unmade: None,
                    error,
                }
            }
            NoAnswer::Late(limit) => Self {
                why: format!("the HTTP handler gave no response within {limit:?}"),
                cause: Cause::Transport,
                unmade: None,
                error: Error::HttpResponseTimeout,
            },
        }
    }
}

/// A failure of ours in the words of wasi:http. What it has no room for is in
/// the record of the call.
fn lower(error: HttpError) -> Error {
    match error {
        HttpError::Lack(lack) => Error::InternalError(Some(lack.to_string())),
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
        HttpError::Certificate { .. } => Error::TlsCertificateError,
        HttpError::Tls { .. } => Error::TlsProtocolError,
        HttpError::OtherProtocol { spoken, .. } => Error::InternalError(Some(spoken.into())),
        HttpError::NotProcessed { .. } | HttpError::Closed(_) => Error::ConnectionTerminated,
        HttpError::ResponseTimeout { .. } => Error::HttpResponseTimeout,
        HttpError::BodyTimeout { .. } => Error::ConnectionReadTimeout,
        HttpError::Protocol(_) => Error::HttpProtocolError,
        HttpError::Body(why) => Error::InternalError(Some(why)),
    }
}
