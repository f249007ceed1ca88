//! Handlers of `wasi:http/handler@0.3`, which return their response and may write its body
//! afterwards.

use std::future::poll_fn;

use http::{Request, Response};
use http_body::Body;
use tokio::sync::oneshot;
use wasmtime::Result;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{WasiBody, WasiHttpView, p3};

use super::HttpWorld;
use super::body_source::BodySource;
use crate::guest::call::outcome::Failure;
use crate::guest::instance::{Instance, impl_world};
use crate::guest::interfaces::state::State;

impl_world!(ServicePre => Service);

impl HttpWorld for ServicePre<State> {
    type Code = ErrorCode;

    async fn answer(
        instance: &mut Instance<Service>,
        request: Request<WasiBody>,
        answer: oneshot::Sender<Result<Response<WasiBody>, ErrorCode>>,
    ) -> Result<Result<(), Failure>> {
        let service = &instance.bindings;
        let run = async |store: &Accessor<State>| {
            let answered = respond(service, store, request).await?;
            let (outlet, answered) = match answered {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let (outlet, body) = BodySource::of(body);
                    (Some(outlet), Ok(Response::from_parts(head, body)))
                }
                Err(code) => (None, Err(code)),
            };
            // The caller may no longer wait.
            let _ = answer.send(answered);
            poll_fn(|cx| store.poll_no_interesting_tasks(cx)).await;
            let is_fed = || store.with(|mut store| store.data_mut().hooks.bodies.are_open());
            Ok(match outlet {
                Some(outlet) => outlet.finish(is_fed).await,
                None => Ok(()),
            })
        };
        instance.store.run_concurrent(run).await?
    }
}

async fn respond(
    service: &Service,
    store: &Accessor<State>,
    request: Request<WasiBody>,
) -> Result<Result<Response<WasiBody>, ErrorCode>> {
    let request = store.with(|mut store| {
        let state = store.data_mut();
        let request = request.map(|body| match body.size_hint().exact() {
            // The body is complete.
            Some(_) => body,
            None => state.hooks.bodies.open().of(body),
        });
        let http = state.http();
        // The second value would tell how the handler dealt with the request's body.
        let (request, _) = p3::Request::from_http(http.hooks, request);
        request
    });
    match service.handle(store, request).await? {
        Ok(response) => {
            let response = store.with(|store| response.into_http(store, async { Ok(()) }))?;
            Ok(Ok(response))
        }
        Err(code) => Ok(Err(code)),
    }
}
