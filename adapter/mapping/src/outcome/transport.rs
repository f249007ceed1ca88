//! Exchanges that were not answered: the one table of `wasi:http`'s error
//! codes. Whatever can heal without a change to the message or the settings is
//! tried again.

use Class::{Heals, Never, Timeout};

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It took too long.
    Timeout,
    /// It may work later.
    Heals,
    /// It will never work.
    Never,
}

macro_rules! table {
    ($($name:ident $class:ident $text:literal,)*) => {
        /// The cases of `wasi:http/types.error-code`, without their details.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Transport {
            $(#[doc = $text] $name,)*
        }

        impl Transport {
            pub(super) fn class(self) -> Class {
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
    DnsError Heals "the name could not be resolved",
    DestinationNotFound Heals "the endpoint was not found",
    DestinationUnavailable Heals "the endpoint is not available",
    DestinationIpProhibited Never "the endpoint's address is not one that may be connected to",
    DestinationIpUnroutable Heals "there is no route to the endpoint's address",
    ConnectionRefused Heals "the connection was refused",
    ConnectionTerminated Heals "the connection ended before the response did",
    ConnectionTimeout Timeout "the connection was not made in time",
    ConnectionReadTimeout Timeout "nothing was received in time",
    ConnectionWriteTimeout Timeout "nothing could be sent in time",
    ConnectionLimitReached Heals "there are too many connections",
    TlsProtocolError Heals "TLS could not be agreed on",
    TlsCertificateError Heals "the endpoint's certificate is not accepted",
    TlsAlertReceived Heals "the endpoint ended TLS with an alert",
    HttpRequestDenied Never "the request was denied by the host",
    HttpRequestLengthRequired Never "the request lacks a length",
    HttpRequestBodySize Never "the request's body is too large, or not of the length it declares",
    HttpRequestMethodInvalid Never "the request's method is not valid",
    HttpRequestUriInvalid Never "the request's URI is not valid",
    HttpRequestUriTooLong Never "the request's URI is too long",
    HttpRequestHeaderSectionSize Never "the request's headers are too large together",
    HttpRequestHeaderSize Never "one of the request's headers is too large",
    HttpRequestTrailerSectionSize Never "the request's trailers are too large together",
    HttpRequestTrailerSize Never "one of the request's trailers is too large",
    HttpResponseIncomplete Heals "the response is incomplete",
    HttpResponseHeaderSectionSize Heals "the response's headers are too large together",
    HttpResponseHeaderSize Heals "one of the response's headers is too large",
    HttpResponseBodySize Heals "the response's body is too large",
    HttpResponseTrailerSectionSize Heals "the response's trailers are too large together",
    HttpResponseTrailerSize Heals "one of the response's trailers is too large",
    HttpResponseTransferCoding Heals "the response has a transfer coding that is not understood",
    HttpResponseContentCoding Heals "the response has a content coding that is not understood",
    HttpResponseTimeout Timeout "there was no response in time",
    HttpUpgradeFailed Heals "the protocol could not be upgraded",
    HttpProtocolError Heals "the endpoint does not keep to HTTP",
    LoopDetected Heals "the request came back to where it started",
    ConfigurationError Heals "the host's HTTP client is not configured for this",
    InternalError Heals "the host's HTTP client failed",
}
