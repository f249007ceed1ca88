//! Converts the error codes of wasi:http to the codes of `mapping`, with the details
//! that the host adds.

use crate::wasi::http::types::ErrorCode as Code;
use mapping::{ExchangeError, Settings, TransportFailure as T};

/// Returns the error that the code stands for.
pub fn to_exchange_error(settings: &Settings, code: Code) -> ExchangeError {
    let (failure, detail) = to_transport_failure(code);
    settings.transport_error(failure, detail.as_deref())
}

fn to_transport_failure(code: Code) -> (T, Option<String>) {
    let failure = match code {
        Code::DnsError(payload) => return (T::DnsError, payload.rcode),
        Code::TlsAlertReceived(payload) => return (T::TlsAlertReceived, payload.alert_message),
        Code::HttpRequestHeaderSize(field) => {
            return (T::HttpRequestHeaderSize, field.and_then(|f| f.field_name));
        }
        Code::HttpRequestTrailerSize(field) => {
            return (T::HttpRequestTrailerSize, field.field_name);
        }
        Code::HttpResponseHeaderSize(field) => {
            return (T::HttpResponseHeaderSize, field.field_name);
        }
        Code::HttpResponseTrailerSize(field) => {
            return (T::HttpResponseTrailerSize, field.field_name);
        }
        Code::HttpResponseTransferCoding(coding) => return (T::HttpResponseTransferCoding, coding),
        Code::HttpResponseContentCoding(coding) => return (T::HttpResponseContentCoding, coding),
        Code::InternalError(text) => return (T::InternalError, text),
        Code::DnsTimeout => T::DnsTimeout,
        Code::DestinationNotFound => T::DestinationNotFound,
        Code::DestinationUnavailable => T::DestinationUnavailable,
        Code::DestinationIpProhibited => T::DestinationIpProhibited,
        Code::DestinationIpUnroutable => T::DestinationIpUnroutable,
        Code::ConnectionRefused => T::ConnectionRefused,
        Code::ConnectionTerminated => T::ConnectionTerminated,
        Code::ConnectionTimeout => T::ConnectionTimeout,
        Code::ConnectionReadTimeout => T::ConnectionReadTimeout,
        Code::ConnectionWriteTimeout => T::ConnectionWriteTimeout,
        Code::ConnectionLimitReached => T::ConnectionLimitReached,
        Code::TlsProtocolError => T::TlsProtocolError,
        Code::TlsCertificateError => T::TlsCertificateError,
        Code::HttpRequestDenied => T::HttpRequestDenied,
        Code::HttpRequestLengthRequired => T::HttpRequestLengthRequired,
        Code::HttpRequestBodySize(_) => T::HttpRequestBodySize,
        Code::HttpRequestMethodInvalid => T::HttpRequestMethodInvalid,
        Code::HttpRequestUriInvalid => T::HttpRequestUriInvalid,
        Code::HttpRequestUriTooLong => T::HttpRequestUriTooLong,
        Code::HttpRequestHeaderSectionSize(_) => T::HttpRequestHeaderSectionSize,
        Code::HttpRequestTrailerSectionSize(_) => T::HttpRequestTrailerSectionSize,
        Code::HttpResponseIncomplete => T::HttpResponseIncomplete,
        Code::HttpResponseHeaderSectionSize(_) => T::HttpResponseHeaderSectionSize,
        Code::HttpResponseBodySize(_) => T::HttpResponseBodySize,
        Code::HttpResponseTrailerSectionSize(_) => T::HttpResponseTrailerSectionSize,
        Code::HttpResponseTimeout => T::HttpResponseTimeout,
        Code::HttpUpgradeFailed => T::HttpUpgradeFailed,
        Code::HttpProtocolError => T::HttpProtocolError,
        Code::LoopDetected => T::LoopDetected,
        Code::ConfigurationError => T::ConfigurationError,
    };
    (failure, None)
}
