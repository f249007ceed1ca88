//! What an operator asks of a running bridge: whether it lives, whether it is
//! ready, and the ledger. Answered on the intake's listener, and on a listener
//! of its own where one is configured.

mod phase;
mod server;
mod settings;

pub use phase::Phase;
pub use server::{Server, start};
pub use settings::Settings;

use parking_lot::Mutex;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::listener::{not_allowed, status};
use crate::trouble::Troubles;

/// The books of the bridge.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// What they say now; the error is one line for the operator.
    async fn read(&self) -> Result<Value, String>;
}

/// Answers the operator.
pub struct Admin {
    phase: Mutex<Phase>,
    troubles: Troubles,
    opened: Mutex<Option<Arc<Opened>>>,
}

/// What there is to tell once the brokers are open.
struct Opened {
    ledger: Box<dyn Ledger>,
    trouble: Box<dyn Fn() -> Option<String> + Send + Sync>,
}

impl Admin {
    /// One of a bridge that starts. It is not ready while any of `troubles`
    /// lasts.
    pub fn new(troubles: Troubles) -> Self {
        Self {
            phase: Mutex::new(Phase::Starting("the brokers are being opened".into())),
            troubles,
            opened: Mutex::default(),
        }
    }

    /// Notes that the brokers are open: the ledger can be read, and `trouble`
    /// returns one line on why a broker cannot accept or deliver messages.
    /// `trouble` has to be quick. A second call replaces both.
    pub fn opened(
        &self,
        ledger: impl Ledger + 'static,
        trouble: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) {
        let (ledger, trouble) = (Box::new(ledger), Box::new(trouble));
        *self.opened.lock() = Some(Arc::new(Opened { ledger, trouble }));
    }

    /// Sets the phase of the bridge, from start to stop.
    pub fn set_phase(&self, phase: Phase) {
        *self.phase.lock() = phase;
    }

    /// Answers what an operator asks; `None` where the path is another.
    /// Health and readiness are open to every client. The reason why a bridge is
    /// not ready names brokers and their addresses, so it and the ledger need
    /// the token.
    pub async fn answer<B>(
        &self,
        request: &Request<B>,
        may_come_in: bool,
    ) -> Option<Response<Full<Bytes>>> {
        let path = request.uri().path();
        if !matches!(path, "/healthz" | "/readyz" | "/ledger") {
            return None;
        }
        let methods = [Method::GET, Method::HEAD];
        if !methods.contains(request.method()) {
            return Some(not_allowed(path, &methods));
        }
        Some(match path {
            "/healthz" => status(StatusCode::OK, &json!({ "status": "ok" })),
            "/readyz" => self.readiness(may_come_in),
            _ => self.ledger().await,
        })
    }

    /// 503 while the bridge starts or stops, and while something that it needs
    /// has failed or is not there.
    pub fn readiness(&self, with_reason: bool) -> Response<Full<Bytes>> {
        let phase = self.phase.lock().clone();
        let reason = phase.reason().map(str::to_owned).or_else(|| self.trouble());
        let Some(reason) = reason else {
            return status(StatusCode::OK, &json!({ "status": "ready" }));
        };
        let mut told = json!({ "status": phase.word() });
        if with_reason {
            told["reason"] = reason.into();
        }
        status(StatusCode::SERVICE_UNAVAILABLE, &told)
    }

    /// Local trouble and that of the brokers, in one line.
    fn trouble(&self) -> Option<String> {
        let opened = self.opened.lock().clone();
        let brokers = opened.and_then(|opened| (opened.trouble)());
        let texts: Vec<_> = self.troubles.all().into_iter().chain(brokers).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    async fn ledger(&self) -> Response<Full<Bytes>> {
        let opened = self.opened.lock().clone();
        let ledger = match opened {
            Some(opened) => opened.ledger.read().await,
            None => Err("the bridge is starting: the ledger is not open yet".into()),
        };
        match ledger {
            Ok(ledger) => status(StatusCode::OK, &ledger),
            Err(reason) => status(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": reason })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(admin: &Admin) -> (u16, String) {
        let answer = admin.readiness(true);
        (
            answer.status().as_u16(),
            format!("{:?}", answer.into_body()),
        )
    }

    #[track_caller]
    fn check(admin: &Admin, status: u16, says: &str) {
        let (found, body) = told(admin);
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
