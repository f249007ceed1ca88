//! What the requests of one store share, and how one of them is prepared: where it
//! goes, how long it may take, and what the record of its call learns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request};
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use super::denied::Denials;
use super::destination::Destination;
use super::empty_body;
use super::endpoint::Endpoint;
use super::in_process::Asked;
use super::{Driver, Prepared};
use crate::guest::call::calls::Calls;
use crate::guest::call::open_response::Open;
use crate::http::{Allow, Client, Options, Upload};

/// What a component has to tell that its endpoint did not answer.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Prepares the requests of one store.
pub(crate) struct Outbound {
    pub(crate) client: Client<WasiBody>,
    pub(crate) allow: Arc<Allow>,
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    pub(crate) denials: Arc<Denials>,
    /// The store is an HTTP handler's: an error of its requests names their host.
    pub(crate) of_handler: bool,
}

impl Outbound {
    /// Prepares a request of the call under way. In a store with several calls, which
    /// are all in one task, a task drives it; so it does where nothing is known of its
    /// body.
    pub(crate) fn prepare(
        &self,
        calls: &mut Calls,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        upload: Option<Upload>,
    ) -> Prepared {
        let is_shared = calls.are_shared();
        let call = calls.current();
        let (slot, deadline, id) = (call.record.begin(), call.deadline, call.id.clone());
        let (record, hops) = (call.record.clone(), call.hops);
        let options = self.options(options, upload, deadline + record.waits().so_far());
        let endpoint = self.endpoint.clone();
        let handler = endpoint
            .as_ref()
            .and_then(|it| it.handler_for(request.uri()));
        let mut wanted = endpoint.as_ref().and_then(|it| it.wants(&request, &id));
        if let Some(wanted) = &mut wanted {
            wanted.before = slot.asked_for(&wanted.id);
            wanted.hops = hops;
        }
        let to_head = request.method() == Method::HEAD;
        let asked = self.of_handler.then(|| request.uri().authority().cloned());
        let upload = upload.filter(|_| !is_shared);
        let mut destination = match handler {
            Some(handler) => Destination::Handler(handler.0.answer(Asked {
                request,
                id,
                record,
                deadline,
                // The time to the first byte: there is nothing to connect to.
                limit: options.first_byte_timeout,
                in_call: upload.is_some(),
            })),
            None if empty_body::is_unknown(&request) => {
                let begun = empty_body::begin(self.client.clone(), request, options);
                Destination::Unread(begun)
            }
            None => Destination::of(self.client.begin(request, options)),
        };
        let denials = self.denials.clone();
        let driver = upload.map_or(Driver::Task, |upload| destination.driver(upload));
        // Made where it stays, as it is large to move.
        let carried = Box::pin(async move {
            let answer = destination.answer(&slot, &denials).await;
            let (response, running) =
                answer.map_err(|it| it.recorded(&slot, asked.flatten(), endpoint.as_deref()))?;
            slot.answered(&response);
            let status = response.status().as_u16();
            let wanted = wanted.filter(|_| endpoint.is_some_and(|it| it.is_success(status)));
            if running.is_none() && wanted.is_none() {
                return Ok(response);
            }
            let (watched, open) = Open::new(response, to_head, running, wanted);
            slot.keep(open);
            Ok(watched)
        });
        Prepared { driver, carried }
    }

    /// No wait ends later than the call does, less a little, so that the component
    /// learns of it and tells.
    fn options(
        &self,
        asked: Option<RequestOptions>,
        upload: Option<Upload>,
        deadline: Instant,
    ) -> Options {
        let (asked, now) = (asked.unwrap_or_default(), Instant::now());
        let left = deadline.saturating_duration_since(now);
        let left = left - LAST_WORD.min(left / 10);
        let within = |asked: Option<Duration>| asked.map_or(left, |asked| asked.min(left));
        Options {
            connect_timeout: within(asked.connect_timeout),
            first_byte_timeout: within(asked.first_byte_timeout),
            deadline: Some(now + left),
            between_bytes_timeout: Some(within(asked.between_bytes_timeout)),
            allow: self.allow.clone(),
            upload: upload.unwrap_or(Upload::InTime),
        }
    }
}
