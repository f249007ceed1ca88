//! Host calls for stores with several calls in progress: each host call first finds the call that
//! it is made for. Also `wasi:http/handler` as an import, which the host provides to the last
//! component of a composition.

use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p3::bindings::http::client::HostWithStore;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p3::{Request, Response};
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use super::caller::switch_to_caller;
use super::messaging::types::HostMessage;
use super::messaging::{HeldMessage, send_message};
use super::state::State;
use crate::guest::contract::{PRODUCER, TYPES};

/// Replaces wasmtime's HTTP functions, which support a single call for each store.
pub(crate) fn add_http_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    for (interface, function) in [
        ("wasi:http/client@0.3.0", "send"),
        ("wasi:http/handler@0.3.0", "handle"),
    ] {
        linker
            .instance(interface)?
            .func_wrap_concurrent(function, |store, (request,)| Box::pin(send(store, request)))?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

/// Replaces the messaging functions, as [`add_http_to_linker`] does for HTTP.
pub(crate) fn add_messaging_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    linker
        .instance(TYPES)?
        .func_wrap("[constructor]message", make)?;
    linker
        .instance(PRODUCER)?
        .func_wrap_async("send", |mut store, (client, message)| {
            Box::new(async move {
                switch_to_caller(&mut store)?;
                let sent = send_message(store.data_mut(), client, message).await?;
                Ok((sent,))
            })
        })?;
    linker.allow_shadowing(false);
    Ok(())
}

async fn send(
    store: &Accessor<State>,
    request: Resource<Request>,
) -> Result<(Result<Resource<Response>, ErrorCode>,)> {
    store.with(|mut store| {
        switch_to_caller(&mut store)?;
        store.data_mut().keep_exchange()
    })?;
    let http = store.with_getter::<WasiHttp>(State::http);
    match WasiHttp::send(&http, request).await {
        Ok(response) => Ok((Ok(response),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// Creates a message. Its id is derived from that of the current call.
fn make(
    mut store: StoreContextMut<'_, State>,
    (topic, data): (String, Vec<u8>),
) -> Result<(Resource<HeldMessage>,)> {
    switch_to_caller(&mut store)?;
    let mut state = store.data_mut();
    Ok((HostMessage::new(&mut state, topic, data)?,))
}
