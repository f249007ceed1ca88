//! Handlers of `wasi:http/incoming-handler@0.2`, which set their response while they run.

use http::{Request, Response};
use tokio::sync::oneshot;
use wasmtime::Result;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use super::HttpWorld;
use crate::guest::call::outcome::Failure;
use crate::guest::instance::{Instance, impl_world};
use crate::guest::interfaces::state::State;

impl_world!(ProxyPre => Proxy);

impl HttpWorld for ProxyPre<State> {
    type Code = ErrorCode;

    async fn answer(
        instance: &mut Instance<Proxy>,
        request: Request<WasiBody>,
        answer: oneshot::Sender<Result<Response<WasiBody>, ErrorCode>>,
    ) -> Result<Result<(), Failure>> {
        let scheme = match request.uri().scheme_str() {
            Some("https") => Scheme::Https,
            _ => Scheme::Http,
        };
        let mut http = instance.store.data_mut().http();
        let request = http.new_incoming_request(scheme, request)?;
        let response = http.new_response_outparam(answer)?;
        let exports = instance.bindings.wasi_http_incoming_handler();
        let call = exports.call_handle(&mut instance.store, request, response);
        call.await.map(Ok)
    }
}
