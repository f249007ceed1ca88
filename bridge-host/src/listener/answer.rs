//! Answers in JSON.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

/// An answer with this status, its body a line of JSON.
pub fn status(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{value}\n")));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A 405 for a path that takes only these methods. `Allow` lists them, as RFC
/// 9110 section 15.5.6 requires.
pub fn not_allowed(path: &str, methods: &[Method]) -> Response<Full<Bytes>> {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    let reason = format!("{path} takes {} only", names.join(" and "));
    let error = json!({ "error": reason });
    let mut response = status(StatusCode::METHOD_NOT_ALLOWED, &error);
    let allow = HeaderValue::from_str(&names.join(", "));
    let allow = allow.expect("method names are visible ASCII");
    response.headers_mut().insert(ALLOW, allow);
    response
}
