//! Why a request has no response: the text for the call's record, and the error of wasi:http for
//! the component.

use http::uri::Authority;
use wasmtime_wasi_http::Error;

use super::endpoint::Endpoint;
use super::in_process::HandlerError;
use crate::guest::call::call_record::{ExchangeSlot, FailureCause};
use crate::guest::call::outcome::Unprocessed;
use crate::http::HttpError;

/// A request without a response: what the record keeps, and what the component gets.
pub(super) struct FailedRequest {
    why: String,
    cause: FailureCause,
    unprocessed: Option<Unprocessed>,
    error: Error,
}

impl FailedRequest {
    /// Adds the failure to the record, and returns the error for the component. `host` is set for
    /// a request of an HTTP handler, whose errors name the host.
    pub(super) fn recorded(
        mut self,
        slot: &ExchangeSlot,
        host: Option<Authority>,
        endpoint: Option<&Endpoint>,
    ) -> Error {
        if let Some(host) = host {
            self.why = format!("calling {host}: {}", self.why);
        }
        if let (FailureCause::Answered(prefix), Some(endpoint)) = (&mut self.cause, endpoint) {
            *prefix = format!("{}: ", endpoint.settings.endpoint);
        }
        slot.failed(self.why, self.cause);
        if let Some(unprocessed) = self.unprocessed {
            slot.mark_unprocessed(unprocessed);
        }
        self.error
    }
}

impl From<HttpError> for FailedRequest {
    fn from(error: HttpError) -> Self {
        let unprocessed = match error {
            HttpError::Shortage(lack) => Some(Unprocessed::Shortage(lack)),
            HttpError::NotProcessed { .. } => Some(Unprocessed::Refused),
            _ => None,
        };
        Self {
            why: error.to_string(),
            cause: FailureCause::Transport,
            unprocessed,
            error: to_wasi_error(error),
        }
    }
}

impl From<HandlerError> for FailedRequest {
    fn from(reason: HandlerError) -> Self {
        match reason {
            HandlerError::Failed(failure) => {
                let why = failure.to_string();
                Self {
                    error: Error::InternalError(Some(format!("in the HTTP handler: {why}"))),
                    why,
                    unprocessed: failure.lack().map(Unprocessed::Shortage),
                    cause: FailureCause::Handler(failure),
                }
            }
            HandlerError::Answered { error, during } => {
                let during = during.map_or(String::new(), |it| format!(" while {it}"));
                Self {
                    why: format!("the HTTP handler answered with the error \"{error}\"{during}"),
                    cause: FailureCause::Answered(String::new()),
                    unprocessed: None,
                    error,
                }
            }
            HandlerError::Late(limit) => Self {
                why: format!("the HTTP handler gave no response within {limit:?}"),
                cause: FailureCause::Transport,
                unprocessed: None,
                error: Error::HttpResponseTimeout,
            },
        }
    }
}

/// Converts an error to one of wasi:http. Details that wasi:http cannot express are in the call's
/// record.
pub(super) fn to_wasi_error(error: HttpError) -> Error {
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
