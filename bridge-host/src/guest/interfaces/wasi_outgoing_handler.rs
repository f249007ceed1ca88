//! `wasi:http/outgoing-handler@0.2`: converts between the types of wasi:http and an `Exchange`.
//!
//! wasmtime's own implementation keeps the options of every request for the lifetime of the store,
//! and spawns two tasks for each request. This one spawns one task, or none.

use std::task::Poll;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::uri::{self, Uri};
use http_body_util::{BodyExt, Empty};
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p2::{DynPollable, subscribe};
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, HostFutureIncomingResponse as _, Scheme,
};
use wasmtime_wasi_http::p2::body::HostIncomingBody;
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest,
};
use wasmtime_wasi_http::{Error, FieldMap, RequestOptions, WasiBody, WasiHttpView};

use super::caller::switch_to_caller;
use super::state::State;
use crate::guest::exchange::Exchange;
use crate::guest::exchange::request_body::take_written;

type Store<'a> = StoreContextMut<'a, State>;

/// The version that wasmtime links. Any other version would be linked in addition, for components
/// of exactly that version.
pub(crate) const TYPES: &str = "wasi:http/types@0.2.12";
const OUTGOING_HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// Replaces wasmtime's implementation.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    let exchange = ResourceType::host::<Exchange>();
    types.resource("future-incoming-response", exchange, |mut store, rep| {
        let exchange = Resource::<Exchange>::new_own(rep);
        store.data_mut().table.delete(exchange)?;
        Ok(())
    })?;
    types.func_wrap(
        "[method]future-incoming-response.subscribe",
        |mut store: Store<'_>, (exchange,): (Resource<Exchange>,)| {
            let pollable: Resource<DynPollable> = subscribe(&mut store.data_mut().table, exchange)?;
            Ok((pollable,))
        },
    )?;
    types.func_wrap("[method]future-incoming-response.get", get)?;
    linker
        .instance(OUTGOING_HANDLER)?
        .func_wrap("handle", handle)?;
    linker.allow_shadowing(false);
    Ok(())
}

type HandleArguments = (
    Resource<HostOutgoingRequest>,
    Option<Resource<RequestOptions>>,
);

/// Begins a request. Does not wait.
fn handle(
    mut store: Store<'_>,
    (request, options): HandleArguments,
) -> Result<(Result<Resource<Exchange>, ErrorCode>,)> {
    switch_to_caller(&mut store)?;
    let state = store.data_mut();
    state.keep_exchange()?;
    let request = state.table.delete(request)?;
    let options = options.map(|options| state.table.delete(options));
    let request = match to_http_request(request) {
        Ok(request) => request,
        Err(code) => return Ok((Err(code),)),
    };
    let (request, upload) = take_written(request);
    let prepared = (state.hooks).prepare(request, options.transpose()?, Some(upload));
    Ok((Ok(state.table.push(prepared.begin())?),))
}

/// Converts a request to one with a complete URL, for the HTTP client.
fn to_http_request(request: HostOutgoingRequest) -> Result<http::Request<WasiBody>, ErrorCode> {
    let mut sent = http::Request::new(match request.body {
        Some(body) => body,
        None if promises_body(&request.headers) => {
            return Err(ErrorCode::HttpRequestBodySize(Some(0)));
        }
        None => Empty::<Bytes>::new()
            .map_err(|never| match never {})
            .boxed_unsync(),
    });
    let method = request.method.try_into();
    *sent.method_mut() = method.map_err(|_| ErrorCode::HttpRequestMethodInvalid)?;
    let mut url = Uri::builder()
        .scheme(match request.scheme {
            Some(Scheme::Http) => uri::Scheme::HTTP,
            Some(Scheme::Https) | None => uri::Scheme::HTTPS,
            Some(Scheme::Other(_)) => return Err(ErrorCode::HttpProtocolError),
        })
        .authority(request.authority.unwrap_or_default());
    if let Some(path) = request.path_with_query {
        url = url.path_and_query(path);
    }
    *sent.uri_mut() = url.build().map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    *sent.headers_mut() = request.headers.into();
    Ok(sent)
}

fn promises_body(headers: &FieldMap) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    length.is_some_and(|length| length.as_bytes() != b"0")
}

type GetResult = Option<Result<Result<Resource<HostIncomingResponse>, ErrorCode>, ()>>;

fn get(mut store: Store<'_>, (exchange,): (Resource<Exchange>,)) -> Result<(GetResult,)> {
    let state = store.data_mut();
    let answer = match state.table.get_mut(&exchange)?.take() {
        Poll::Ready(Some(answer)) => answer,
        Poll::Ready(None) => return Ok((Some(Err(())),)),
        Poll::Pending => return Ok((None,)),
    };
    let got = match answer {
        Ok(response) => Ok(state.push_response(response)?),
        Err(error) => Err(state.error_code(error)?),
    };
    Ok((Some(Ok(got)),))
}

impl State {
    fn push_response(
        &mut self,
        response: http::Response<WasiBody>,
    ) -> Result<Resource<HostIncomingResponse>> {
        let (head, body) = response.into_parts();
        let response = HostIncomingResponse {
            status: head.status.as_u16(),
            headers: FieldMap::new_immutable(&mut self.hooks, head.headers),
            body: Some(HostIncomingBody::new(body)),
        };
        Ok(self.table.push(response)?)
    }

    /// Converts an error to wasmtime's error code. wasmtime has this conversion only for its own
    /// futures.
    fn error_code(&mut self, error: Error) -> Result<ErrorCode> {
        let broken = HostFutureIncomingResponse::Ready(Err(error));
        let broken = self.table.push(broken)?;
        let mut http = self.http();
        let converted = http.get(Resource::new_borrow(broken.rep()))?;
        http.drop(broken)?;
        match converted {
            Some(Ok(Err(code))) => Ok(code),
            _ => Ok(ErrorCode::InternalError(None)),
        }
    }
}

#[cfg(test)]
mod tests;
