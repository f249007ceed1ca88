//! Prepares the requests of one store: their destination, their time limits, and their entry in the
//! call's record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request};
use wasmtime_wasi_http::{RequestOptions as WasiRequestOptions, WasiBody};

use super::denials::Denials;
use super::destination::Destination;
use super::empty_body;
use super::endpoint::Endpoint;
use super::in_process::HandlerRequest;
use super::{Driver, PreparedRequest};
use crate::guest::call::open_response::OpenResponse;
use crate::guest::call::store_calls::StoreCalls;
use crate::http::{AllowList, Client, RequestOptions, Upload};

/// How much time a component has, after a timeout, to return its error.
const ERROR_GRACE: Duration = Duration::from_millis(500);

/// Prepares the requests of one store.
pub(crate) struct Outbound {
    pub(crate) client: Client<WasiBody>,
    pub(crate) allow: Arc<AllowList>,
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    pub(crate) denials: Arc<Denials>,
    /// Whether the store belongs to an HTTP handler. The errors of its requests name the host.
    pub(crate) of_handler: bool,
}

impl Outbound {
    /// Prepares a request of the current call. In a store with several calls, which share one task,
    /// a task drives the request. The same applies if `upload` is unknown.
    pub(crate) fn prepare(
        &self,
        calls: &mut StoreCalls,
        request: Request<WasiBody>,
        options: Option<WasiRequestOptions>,
        upload: Option<Upload>,
    ) -> PreparedRequest {
        let is_concurrent = calls.is_concurrent();
        let call = calls.current();
        let (slot, deadline, id) = (call.record.begin(), call.deadline, call.id.clone());
        let (record, hops) = (call.record.clone(), call.hops);
        let options = self.options(options, upload, deadline + record.waits().total());
        let endpoint = self.endpoint.clone();
        let handler = endpoint
            .as_ref()
            .and_then(|it| it.handler_for(request.uri()));
        let reply_to = |it: &Arc<Endpoint>| it.reply_request(&request, &id);
        let mut wanted = endpoint.as_ref().and_then(reply_to);
        if let Some(wanted) = &mut wanted {
            wanted.before = slot.number_reply(&wanted.id);
            wanted.hops = hops;
        }
        let to_head = request.method() == Method::HEAD;
        let host = self.of_handler.then(|| request.uri().authority().cloned());
        let upload = upload.filter(|_| !is_concurrent);
        let mut destination = match handler {
            Some(handler) => Destination::Handler(handler.0.answer(HandlerRequest {
                request,
                id,
                record,
                deadline,
                // An HTTP handler in process needs no connection.
                limit: options.first_byte_timeout,
                in_call: upload.is_some(),
            })),
            None if empty_body::is_unknown(&request) => {
                let begun = empty_body::begin(self.client.clone(), request, options);
                Destination::UnreadBody(begun)
            }
            None => Destination::of(self.client.begin(request, options)),
        };
        let denials = self.denials.clone();
        let driver = upload.map_or(Driver::Task, |upload| destination.driver(upload));
        // Boxed where it is created, since moving it would be expensive.
        let carried = Box::pin(async move {
            let answer = destination.answer(&slot, &denials).await;
            let (response, running) =
                answer.map_err(|it| it.recorded(&slot, host.flatten(), endpoint.as_deref()))?;
            slot.answered(&response);
            let status = response.status().as_u16();
            let wanted = wanted.filter(|_| endpoint.is_some_and(|it| it.is_success(status)));
            if running.is_none() && wanted.is_none() {
                return Ok(response);
            }
            let (watched, open) = OpenResponse::new(response, to_head, running, wanted);
            slot.keep(open);
            Ok(watched)
        });
        PreparedRequest { driver, carried }
    }

    /// Returns the options for the HTTP client. Every limit ends a little before the call does, so
    /// that the component can return the error.
    fn options(
        &self,
        requested: Option<WasiRequestOptions>,
        upload: Option<Upload>,
        deadline: Instant,
    ) -> RequestOptions {
        let (requested, now) = (requested.unwrap_or_default(), Instant::now());
        let left = deadline.saturating_duration_since(now);
        let left = left - ERROR_GRACE.min(left / 10);
        let within =
            |requested: Option<Duration>| requested.map_or(left, |requested| requested.min(left));
        RequestOptions {
            connect_timeout: within(requested.connect_timeout),
            first_byte_timeout: within(requested.first_byte_timeout),
            deadline: Some(now + left),
            between_bytes_timeout: Some(within(requested.between_bytes_timeout)),
            allow: self.allow.clone(),
            upload: upload.unwrap_or(Upload::Streamed),
        }
    }
}
