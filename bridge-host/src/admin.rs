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
    healthy: Box<dyn Fn() -> bool + Send + Sync>,
    ledger: Box<dyn Ledger>,
}

impl Admin {
    /// Not ready until it is told so, nor while `healthy`, which has to be
    /// quick, says no.
    pub fn new(
        ledger: impl Ledger + 'static,
        healthy: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            ready: AtomicBool::new(false),
            healthy: Box::new(healthy),
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
    /// something that it needs has failed. The log tells what.
    pub fn readiness(&self) -> Response<Full<Bytes>> {
        match self.ready.load(Ordering::Relaxed) && (self.healthy)() {
            true => json(StatusCode::OK, &serde_json::json!({ "status": "ready" })),
            false => json(
                StatusCode::SERVICE_UNAVAILABLE,
                &serde_json::json!({ "status": "not ready" }),
            ),
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
