//! Requests that are refused for want of `allow`: the operator is told once of
//! each host, and the component is told whatever it writes.

use parking_lot::Mutex;
use std::collections::HashSet;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use http_body::Body;
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use wasmtime_wasi_http::WasiBody;

use crate::http::HttpError;

/// How many denied hosts of one component are logged.
const MOST: usize = 100;

/// What one component asked for and may not have.
pub(crate) struct Denials {
    component: String,
    told: Mutex<HashSet<String>>,
}

impl Denials {
    pub(crate) fn of(component: &str) -> Self {
        Self {
            component: component.into(),
            told: Mutex::default(),
        }
    }

    /// Warns of an error that is a denial, once for each host.
    pub(crate) fn note(&self, error: &HttpError) {
        let (asked, help) = match error {
            HttpError::HostNotAllowed { host, port } => (format!("{host}:{port}"), host.clone()),
            HttpError::AddressNotAllowed { host, address } => {
                (format!("{host} at {address}"), address.to_string())
            }
            _ => return,
        };
        let mut told = self.told.lock();
        if told.len() < MOST && !told.contains(&asked) {
            let component = &self.component;
            tracing::warn!(
                component,
                "{component} asked for {asked}, which `allow` does not list: add {help:?} if it may reach it"
            );
            told.insert(asked);
        }
    }
}

/// Takes what a component writes of a request that is not sent, and throws it
/// away: it has to learn why from its response, not from a pipe that broke.
pub(crate) fn swallow(mut body: WasiBody) {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(_) => return,
            Poll::Pending => break,
        }
    }
    // It ends with what the component holds of it.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
    }
}
