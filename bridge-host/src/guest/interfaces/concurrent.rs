//! Host calls as a store has them in which many calls are under way: each
//! first finds out for which of them it is made. And `wasi:http/handler` as
//! an import: the host is the handler behind the last component.

use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p3::bindings::http::client::HostWithStore;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p3::{Request, Response};
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use super::caller::act_for_caller;
use super::messaging::types::HostMessage;
use super::messaging::{HeldMessage, send_message};
use super::state::State;
use crate::guest::contract::{PRODUCER, TYPES};

/// Puts those of HTTP in place of those that know of one call only.
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

/// As [`add_http_to_linker`], for those of messaging.
pub(crate) fn add_messaging_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    linker
        .instance(TYPES)?
        .func_wrap("[constructor]message", make)?;
    linker
        .instance(PRODUCER)?
        .func_wrap_async("send", |mut store, (client, message)| {
            Box::new(async move {
                act_for_caller(&mut store)?;
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
        act_for_caller(&mut store)?;
        store.data_mut().keep_exchange()
    })?;
    let http = store.with_getter::<WasiHttp>(State::http);
    match WasiHttp::send(&http, request).await {
        Ok(response) => Ok((Ok(response),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// A new message, whose id follows from the call's.
fn make(
    mut store: StoreContextMut<'_, State>,
    (topic, data): (String, Vec<u8>),
) -> Result<(Resource<HeldMessage>,)> {
    act_for_caller(&mut store)?;
    let mut state = store.data_mut();
    Ok((HostMessage::new(&mut state, topic, data)?,))
}
