//! Handlers of `wasi:http/handler@0.3`: they return their response, and may
//! write its body afterwards.

use std::future::poll_fn;

use http::{Request, Response};
use tokio::sync::oneshot;
use wasmtime::Result;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{WasiBody, WasiHttpView, p3};

use super::Answers;
use crate::guest::instance::{Instance, ready};
use crate::guest::state::State;

ready!(ServicePre => Service);

impl Answers for ServicePre<State> {
    type Code = ErrorCode;

    async fn answer(
        instance: &mut Instance<Service>,
        request: Request<WasiBody>,
        answer: oneshot::Sender<Result<Response<WasiBody>, ErrorCode>>,
    ) -> Result<()> {
        let service = &instance.bindings;
        let run = async |store: &Accessor<State>| {
            let answered = respond(service, store, request).await?;
            // Whoever asked may have given up.
            let _ = answer.send(answered);
            poll_fn(|cx| store.poll_no_interesting_tasks(cx)).await;
            Ok(())
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
        let http = store.data_mut().http();
        // Nobody waits to hear how the handler liked the request.
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
