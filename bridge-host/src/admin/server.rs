//! The listener for operators, on its own thread and with its own connections, so that
//! publishers cannot block it. Answering requests stays out: `admin` does it.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::{Admin, Settings};
use crate::listener::{AccessRule, ListenerLimits, Service, json_response, serve};
use crate::trouble::Troubles;

/// The limits of its connections: operators send few and small requests.
const LIMITS: ListenerLimits = ListenerLimits {
    connections: 64,
    extra: 0,
    head: 64 << 10,
    heads: 4 << 20,
    idle: Duration::from_secs(75),
};
/// How long unfinished responses may take at shutdown.
const GRACE: Duration = Duration::from_secs(1);

/// A running listener, which stops when this is dropped.
pub struct Server {
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts to serve on a new thread.
pub fn start(
    listener: std::net::TcpListener,
    settings: &Settings,
    admin: Arc<Admin>,
    troubles: Troubles,
) -> io::Result<Server> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _entered = runtime.enter();
        TcpListener::from_std(listener)?
    };
    let access = AccessRule::new(settings.token.clone(), settings.address.ip());
    let operators = Arc::new(Operators { admin, access });
    let (stop, stopped) = oneshot::channel::<Infallible>();
    let stopped = async move {
        // Nothing is sent: the channel closes when the `Server` is dropped.
        let _ = stopped.await;
        GRACE
    };
    let thread = thread::Builder::new().name("admin".into()).spawn(move || {
        runtime.block_on(serve(listener, operators, LIMITS, troubles, stopped));
        // A blocking thread may still read the ledger.
        runtime.shutdown_background();
    })?;
    Ok(Server {
        stop: Some(stop),
        thread: Some(thread),
    })
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread has reported its panic itself.
            let _ = thread.join();
        }
    }
}

struct Operators {
    admin: Arc<Admin>,
    access: AccessRule,
}

impl Service for Operators {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, _: bool) -> Response<Full<Bytes>> {
        let access = self.access.check(&request);
        if let (Err(denied), "/ledger") = (access, request.uri().path()) {
            return denied.answer();
        }
        let answer = self.admin.answer(&request, access.is_ok()).await;
        answer.unwrap_or_else(|| {
            let error =
                "this path does not exist: this listener answers GET /healthz, /readyz and /ledger";
            json_response(StatusCode::NOT_FOUND, &json!({ "error": error }))
        })
    }
}
