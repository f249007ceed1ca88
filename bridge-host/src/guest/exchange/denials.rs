//! Requests that the allow list denies. Each denied host is logged once, and the body of the
//! request is discarded, so that the component gets the error as the response.

use std::collections::HashSet;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use http_body::Body;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use wasmtime_wasi_http::WasiBody;

use crate::http::HttpError;

/// How many denied hosts of a component are logged.
const MAX_LOGGED: usize = 100;

/// The denied hosts of one component.
pub(crate) struct Denials {
    component: String,
    logged: Mutex<HashSet<String>>,
}

impl Denials {
    pub(crate) fn of(component: &str) -> Self {
        Self {
            component: component.into(),
            logged: Mutex::default(),
        }
    }

    /// Logs an error of the allow list, once for each host.
    pub(crate) fn note(&self, error: &HttpError) {
        let (target, help) = match error {
            HttpError::HostNotAllowed { host, port } => (format!("{host}:{port}"), host.clone()),
            HttpError::AddressNotAllowed { host, address } => {
                (format!("{host} at {address}"), address.to_string())
            }
            _ => return,
        };
        let mut logged = self.logged.lock();
        if logged.len() < MAX_LOGGED && !logged.contains(&target) {
            let component = &self.component;
            tracing::warn!(
                component,
                "{component} sent a request to {target}, which `allow` does not list: add {help:?} if the component may reach it"
            );
            logged.insert(target);
        }
    }
}

/// Discards the body of a request that is not sent. Otherwise the component would see a broken pipe
/// before it sees the error.
pub(crate) fn discard_body(mut body: WasiBody) {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(_) => return,
            Poll::Pending => break,
        }
    }
    // The task ends when the component drops its end of the body.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
    }
}
