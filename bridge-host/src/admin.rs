//! Answers operators: health, readiness and the ledger. The intake's listener serves
//! these paths, and so does the listener for operators, if one is configured.

mod phase;
mod server;
mod settings;

pub use phase::Phase;
pub use server::{Server, start};
pub use settings::Settings;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::listener::{json_response, method_not_allowed};
use crate::trouble::Troubles;

/// The ledger of the bridge: accepted, delivered and pending messages.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Returns the current ledger as JSON. The error is one line for the operator.
    async fn read(&self) -> Result<Value, String>;
}

/// Answers operators' requests.
pub struct Admin {
    phase: Mutex<Phase>,
    troubles: Troubles,
    sources: Mutex<Option<Arc<Sources>>>,
}

/// Where the answers come from once the brokers are open.
struct Sources {
    ledger: Box<dyn Ledger>,
    trouble: Box<dyn Fn() -> Option<String> + Send + Sync>,
}

impl Admin {
    /// Creates one for a bridge that starts. The bridge is not ready while any of
    /// `troubles` lasts.
    pub fn new(troubles: Troubles) -> Self {
        Self {
            phase: Mutex::new(Phase::Starting("the brokers are being opened".into())),
            troubles,
            sources: Mutex::default(),
        }
    }

    /// Sets the sources of the answers once the brokers are open. `trouble` returns one
    /// line on why a broker cannot accept or deliver messages, and must not block. A
    /// second call replaces both.
    pub fn set_sources(
        &self,
        ledger: impl Ledger + 'static,
        trouble: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) {
        let (ledger, trouble) = (Box::new(ledger), Box::new(trouble));
        *self.sources.lock() = Some(Arc::new(Sources { ledger, trouble }));
    }

    /// Sets the phase of the bridge, from start to stop.
    pub fn set_phase(&self, phase: Phase) {
        *self.phase.lock() = phase;
    }

    /// Answers an operator's request; returns `None` for any other path. Health and
    /// readiness are open to every client. The ledger, and the reason why a bridge is not
    /// ready, which names brokers and their addresses, need the token.
    pub async fn answer<B>(
        &self,
        request: &Request<B>,
        is_authorized: bool,
    ) -> Option<Response<Full<Bytes>>> {
        let path = request.uri().path();
        if !matches!(path, "/healthz" | "/readyz" | "/ledger") {
            return None;
        }
        let methods = [Method::GET, Method::HEAD];
        if !methods.contains(request.method()) {
            return Some(method_not_allowed(path, &methods));
        }
        Some(match path {
            "/healthz" => json_response(StatusCode::OK, &json!({ "status": "ok" })),
            "/readyz" => self.readiness(is_authorized),
            _ => self.ledger().await,
        })
    }

    /// Answers `GET /readyz`: 503 while the bridge starts or stops, and while one of its
    /// resources or brokers is unavailable.
    pub fn readiness(&self, with_reason: bool) -> Response<Full<Bytes>> {
        let phase = self.phase.lock().clone();
        let reason = phase.reason().map(str::to_owned).or_else(|| self.trouble());
        let Some(reason) = reason else {
            return json_response(StatusCode::OK, &json!({ "status": "ready" }));
        };
        let mut body = json!({ "status": phase.status() });
        if with_reason {
            body["reason"] = reason.into();
        }
        json_response(StatusCode::SERVICE_UNAVAILABLE, &body)
    }

    /// Returns the current problems of this machine and of the brokers, in one line.
    fn trouble(&self) -> Option<String> {
        let sources = self.sources.lock().clone();
        let brokers = sources.and_then(|sources| (sources.trouble)());
        let texts: Vec<_> = self.troubles.summary().into_iter().chain(brokers).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    async fn ledger(&self) -> Response<Full<Bytes>> {
        let sources = self.sources.lock().clone();
        let ledger = match sources {
            Some(sources) => sources.ledger.read().await,
            None => Err("the bridge is starting: the ledger is not open yet".into()),
        };
        match ledger {
            Ok(ledger) => json_response(StatusCode::OK, &ledger),
            Err(reason) => {
                json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": reason }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readiness(admin: &Admin) -> (u16, String) {
        let answer = admin.readiness(true);
        (
            answer.status().as_u16(),
            format!("{:?}", answer.into_body()),
        )
    }

    #[track_caller]
    fn check(admin: &Admin, status: u16, says: &str) {
        let (found, body) = readiness(admin);
        assert!(found == status && body.contains(says), "{found} {body}");
    }

    #[test]
    fn readiness_follows_the_phases() {
        let troubles = Troubles::default();
        let admin = Admin::new(troubles.clone());
        check(&admin, 503, "starting");
        admin.set_phase(Phase::Starting("2 of 3 components compiled".into()));
        check(&admin, 503, "2 of 3");
        admin.set_phase(Phase::Running);
        check(&admin, 200, "ready");
        troubles.raise("disk", "the disk is full".into());
        check(&admin, 503, "the disk is full");
        admin.set_phase(Phase::Draining);
        check(&admin, 503, "draining");
        admin.set_phase(Phase::Failed("a delivery ended".into()));
        check(&admin, 503, "a delivery ended");
    }
}
