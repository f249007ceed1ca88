//! The answer to a request that is not allowed. `access` decides which requests are.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::json_response::json_response;

/// Why a request is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessDenied {
    /// 401 or 403.
    pub status: StatusCode,
    /// The reason, and how to get access.
    pub reason: &'static str,
}

impl AccessDenied {
    /// Returns the complete answer.
    pub fn answer(self) -> Response<Full<bytes::Bytes>> {
        let mut answer = json_response(self.status, &json!({ "error": self.reason }));
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            answer.headers_mut().insert(WWW_AUTHENTICATE, bearer);
        }
        answer
    }
}
