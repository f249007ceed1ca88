//! Exchanges without a response: the table of the error codes of `wasi:http`. An
//! error that can go away without a change to the message or the settings is
//! retried.

use FailureClass::{Permanent, Timeout, Transient};

/// What a failure means for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// The exchange took too long.
    Timeout,
    /// A later attempt may succeed.
    Transient,
    /// No attempt can succeed.
    Permanent,
}

macro_rules! table {
    ($($name:ident $class:ident $text:literal,)*) => {
        /// The cases of `wasi:http/types.error-code`, without their details.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum TransportFailure {
            $(#[doc = $text] $name,)*
        }

        impl TransportFailure {
            pub(super) fn class(self) -> FailureClass {
                match self { $(Self::$name => $class,)* }
            }

            pub(super) fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

table! {
    DnsTimeout Timeout "the name was not resolved in time",
    DnsError Transient "the name could not be resolved",
    DestinationNotFound Transient "the endpoint was not found",
    DestinationUnavailable Transient "the endpoint is not available",
    DestinationIpProhibited Permanent "connecting to the endpoint's address is not allowed",
    DestinationIpUnroutable Transient "there is no route to the endpoint's address",
    ConnectionRefused Transient "the connection was refused",
    ConnectionTerminated Transient "the connection ended before the response did",
    ConnectionTimeout Timeout "the connection was not established in time",
    ConnectionReadTimeout Timeout "nothing was received in time",
    ConnectionWriteTimeout Timeout "nothing could be sent in time",
    ConnectionLimitReached Transient "there are too many connections",
    TlsProtocolError Transient "the TLS handshake failed",
    TlsCertificateError Transient "the endpoint's certificate is not accepted",
    TlsAlertReceived Transient "the endpoint ended TLS with an alert",
    HttpRequestDenied Permanent "the request was denied by the host",
    HttpRequestLengthRequired Permanent "the request lacks a length",
    HttpRequestBodySize Permanent "the request's body is too large, or not of the length it declares",
    HttpRequestMethodInvalid Permanent "the request's method is not valid",
    HttpRequestUriInvalid Permanent "the request's URI is not valid",
    HttpRequestUriTooLong Permanent "the request's URI is too long",
    HttpRequestHeaderSectionSize Permanent "the request's headers are too large in total",
    HttpRequestHeaderSize Permanent "one of the request's headers is too large",
    HttpRequestTrailerSectionSize Permanent "the request's trailers are too large in total",
    HttpRequestTrailerSize Permanent "one of the request's trailers is too large",
    HttpResponseIncomplete Transient "the response is incomplete",
    HttpResponseHeaderSectionSize Transient "the response's headers are too large in total",
    HttpResponseHeaderSize Transient "one of the response's headers is too large",
    HttpResponseBodySize Transient "the response's body is too large",
    HttpResponseTrailerSectionSize Transient "the response's trailers are too large in total",
    HttpResponseTrailerSize Transient "one of the response's trailers is too large",
    HttpResponseTransferCoding Transient "the response has a transfer coding that is not understood",
    HttpResponseContentCoding Transient "the response has a content coding that is not understood",
    HttpResponseTimeout Timeout "there was no response in time",
    HttpUpgradeFailed Transient "the protocol could not be upgraded",
    HttpProtocolError Transient "the endpoint violated the HTTP protocol",
    LoopDetected Transient "the request came back to where it started",
    ConfigurationError Transient "the host's HTTP client is not configured for this",
    InternalError Transient "the host's HTTP client failed",
}
