//! The responses to publishers, as JSON. The response to a batch, which is sent line by
//! line, is in `batch_reply`.

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};
use serde_json::{Value, json};

use super::batch_reply::BatchReply;
use crate::broker::{BrokerError, Published};
use crate::listener;

/// A response with a whole body, or with one line for each line of a batch.
pub(super) type Reply = Response<Either<Full<Bytes>, BatchReply>>;

/// Why a message was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublishError {
    pub status: StatusCode,
    pub reason: String,
}

impl PublishError {
    pub fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
        }
    }

    pub fn bad_request(reason: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason.to_string())
    }

    /// The error for a message with more than `max` bytes of data.
    pub fn too_large(max: u64) -> Self {
        let reason = format!(
            "the data of a message is limited to at most {max} bytes: raise `max_message_size`, or send a reference to the data"
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    }

    /// Returns the response to a single message.
    pub fn reply(self) -> Reply {
        let status = self.status;
        let mut reply = reply(status, &json!({ "error": self.reason }));
        if matches!(status.as_u16(), 503 | 507) {
            let second = HeaderValue::from_static("1");
            reply.headers_mut().insert(RETRY_AFTER, second);
        }
        reply
    }

    /// Returns the response line for line `number` of a batch. The line has the status
    /// that the response to a single message would have.
    pub fn line(&self, number: u64) -> Bytes {
        line(&json!({
            "error": self.reason,
            "status": self.status.as_u16(),
            "line": number,
        }))
    }
}

impl From<BrokerError> for PublishError {
    fn from(error: BrokerError) -> Self {
        let status = match &error {
            BrokerError::Refused(_) => StatusCode::BAD_REQUEST,
            BrokerError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BrokerError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
            BrokerError::Unavailable(_) | BrokerError::Timeout => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

/// Returns the response to a message that is durable.
pub(super) fn accepted(published: &Published) -> Reply {
    reply(StatusCode::ACCEPTED, &value(published))
}

/// Returns the response line for a durable message of a batch.
pub(super) fn accepted_line(published: &Published) -> Bytes {
    line(&value(published))
}

fn value(published: &Published) -> Value {
    json!({ "id": published.id.as_str(), "duplicate": published.duplicate })
}

fn line(value: &Value) -> Bytes {
    format!("{value}\n").into()
}

fn reply(status: StatusCode, value: &Value) -> Reply {
    listener::json_response(status, value).map(Either::Left)
}
