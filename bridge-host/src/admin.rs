//! What an operator asks of a running bridge: whether it lives, whether it is
//! ready, and the ledger. The listener is the intake's.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;

/// The books of the bridge.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// What they say now; the error is one line for the operator.
    async fn read(&self) -> Result<Value, String>;
}

/// Answers the operator.
pub struct Admin {
    ready: AtomicBool,
    trouble: Box<dyn Fn() -> Option<String> + Send + Sync>,
    ledger: Box<dyn Ledger>,
}

impl Admin {
    /// Not ready until it is told so, nor while there is a `trouble`, which has
    /// to be quick to tell it in a line.
    pub fn new(
        ledger: impl Ledger + 'static,
        trouble: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            ready: AtomicBool::new(false),
            trouble: Box::new(trouble),
            ledger: Box::new(ledger),
        }
    }

    /// Tells whether messages are taken and delivered.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// `GET /healthz`: the process answers.
    pub fn health(&self) -> Response<Full<Bytes>> {
        json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
    }

    /// `GET /readyz`: 503 while it starts, once it has begun to stop, and while
    /// something that it needs has failed or is not there. The reason names
    /// brokers and their addresses, which are not for everybody.
    pub fn readiness(&self, with_reason: bool) -> Response<Full<Bytes>> {
        let ready = self.ready.load(Ordering::Relaxed);
        let reason = match ready {
            true => (self.trouble)(),
            false => Some("the bridge is starting or stopping".into()),
        };
        match reason {
            None => json(StatusCode::OK, &serde_json::json!({ "status": "ready" })),
            Some(reason) => {
                let mut told = serde_json::json!({ "status": "not ready" });
                if with_reason {
                    told["reason"] = reason.into();
                }
                json(StatusCode::SERVICE_UNAVAILABLE, &told)
            }
        }
    }

    /// `GET /ledger`: accepted, delivered, filtered, dead-lettered, pending.
    pub async fn ledger(&self) -> Response<Full<Bytes>> {
        match self.ledger.read().await {
            Ok(ledger) => json(StatusCode::OK, &ledger),
            Err(reason) => json(
                StatusCode::SERVICE_UNAVAILABLE,
                &serde_json::json!({ "error": reason }),
            ),
        }
    }
}

fn json(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(value.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
