//! Why a request has no response: what the record of the call keeps of it, and what
//! the component is told, in the words of wasi:http.

use http::uri::Authority;
use wasmtime_wasi_http::Error;

use super::endpoint::Endpoint;
use super::in_process::NoAnswer;
use crate::guest::call::call_record::{Cause, ExchangeSlot};
use crate::guest::call::outcome::Unmade;
use crate::http::HttpError;

/// Why there is no response: for the record, and for the component.
pub(super) struct Failed {
    why: String,
    cause: Cause,
    unmade: Option<Unmade>,
    error: Error,
}

impl Failed {
    /// Goes into the record; what is left is for the component. A handler's own
    /// requests are told with the host that was `asked`.
    pub(super) fn recorded(
        mut self,
        slot: &ExchangeSlot,
        asked: Option<Authority>,
        endpoint: Option<&Endpoint>,
    ) -> Error {
        if let Some(host) = asked {
            self.why = format!("calling {host}: {}", self.why);
        }
        if let (Cause::Answered(prefix), Some(endpoint)) = (&mut self.cause, endpoint) {
            *prefix = format!("{}: ", endpoint.settings.endpoint);
        }
        slot.failed(self.why, self.cause);
        if let Some(unmade) = self.unmade {
            slot.was_none(unmade);
        }
        self.error
    }
}

impl From<HttpError> for Failed {
    fn from(error: HttpError) -> Self {
        let unmade = match error {
            HttpError::Shortage(lack) => Some(Unmade::Shortage(lack)),
            HttpError::NotProcessed { .. } => Some(Unmade::Refused),
            _ => None,
        };
        Self {
            why: error.to_string(),
            cause: Cause::Transport,
            unmade,
            error: lower(error),
        }
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
                    unmade: failure.lack().map(Unmade::Shortage),
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
pub(super) fn lower(error: HttpError) -> Error {
    match error {
        HttpError::Shortage(lack) => Error::InternalError(Some(lack.to_string())),
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
