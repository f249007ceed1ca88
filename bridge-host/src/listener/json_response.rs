//! Responses with a JSON body.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

/// Returns a response with this status and one line of JSON.
pub fn json_response(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{value}\n")));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// Returns a 405 for a path that supports only these methods. `Allow` lists them, as RFC 9110,
/// section 15.5.6, requires.
pub fn method_not_allowed(path: &str, methods: &[Method]) -> Response<Full<Bytes>> {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    let reason = format!("{path} supports {} only", names.join(" and "));
    let error = json!({ "error": reason });
    let mut response = json_response(StatusCode::METHOD_NOT_ALLOWED, &error);
    let allow = HeaderValue::from_str(&names.join(", "));
    let allow = allow.expect("method names are visible ASCII");
    response.headers_mut().insert(ALLOW, allow);
    response
}
