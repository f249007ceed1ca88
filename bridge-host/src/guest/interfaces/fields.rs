//! The functions of wasi:http by which a component makes the host keep headers and bodies. They
//! call wasmtime's functions, and count what these add.

use http::HeaderMap;
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p2::bindings::http::types as p2;
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostOutgoingRequest, HostOutgoingResponse};
use wasmtime_wasi_http::p3::bindings::http::types as p3;
use wasmtime_wasi_http::{FieldMap, WasiHttpView};

use super::state::State;
use super::wasi_outgoing_handler::TYPES;
use crate::guest::limits::host_resources::{HEADER, PLACE, size};

type Store<'a> = StoreContextMut<'a, State>;
type Fields = Resource<FieldMap>;

/// The interface of wasi:http 0.3, in the version that wasmtime links.
const TYPES_P3: &str = "wasi:http/types@0.3.0";

/// Converts the result of one of wasmtime's functions to the component's result.
macro_rules! component_result {
    ($result:ident) => {
        match $result {
            Ok(value) => Ok((Ok(value),)),
            Err(error) => Ok((Err(error.downcast()?),)),
        }
    };
}

/// Replaces the functions of `fields`, with the types of one version of wasi:http.
macro_rules! fields {
    ($linker:ident, $interface:expr, $version:ident) => {
        use $version::HostFields;

        $linker.allow_shadowing(true);
        let mut types = $linker.instance($interface)?;
        types.func_wrap("[constructor]fields", |mut store: Store<'_>, ()| {
            store.data_mut().keep(PLACE)?;
            Ok((HostFields::new(&mut store.data_mut().http())?,))
        })?;
        types.func_wrap(
            "[static]fields.from-list",
            |mut store: Store<'_>, (entries,): (Vec<(String, Vec<u8>)>,)| {
                let text = entries.iter().map(|(name, value)| name.len() + value.len());
                let bytes = text.sum::<usize>() + entries.len() * HEADER;
                store.data_mut().keep(PLACE + bytes)?;
                let made = HostFields::from_list(&mut store.data_mut().http(), entries);
                component_result!(made)
            },
        )?;
        types.func_wrap(
            "[method]fields.set",
            |mut store: Store<'_>, (fields, name, values): (Fields, String, Vec<Vec<u8>>)| {
                let text = values.iter().map(Vec::len).sum::<usize>();
                let bytes = name.len() + text + values.len() * HEADER;
                store.data_mut().keep(bytes)?;
                let set = HostFields::set(&mut store.data_mut().http(), fields, name, values);
                component_result!(set)
            },
        )?;
        types.func_wrap(
            "[method]fields.append",
            |mut store: Store<'_>, (fields, name, value): (Fields, String, Vec<u8>)| {
                store.data_mut().keep(name.len() + value.len() + HEADER)?;
                let added = HostFields::append(&mut store.data_mut().http(), fields, name, value);
                component_result!(added)
            },
        )?;
        types.func_wrap(
            "[method]fields.clone",
            |mut store: Store<'_>, (fields,): (Fields,)| {
                let map: &HeaderMap = store.data().table.get(&fields)?;
                // The content is copied when the clone is changed.
                let bytes = size(map);
                store.data_mut().keep(PLACE + bytes)?;
                Ok((HostFields::clone(&mut store.data_mut().http(), fields)?,))
            },
        )?;
        $linker.allow_shadowing(false);
    };
}

/// Replaces the functions that set the target of a request, as `fields!` does.
macro_rules! target {
    ($linker:ident, $interface:expr, $version:ident :: $Host:ident, $Request:ty, $name:literal) => {
        use $version::$Host as Target;

        $linker.allow_shadowing(true);
        let mut types = $linker.instance($interface)?;
        types.func_wrap(
            concat!("[method]", $name, ".set-method"),
            |mut store: Store<'_>, (request, method): (Resource<$Request>, $version::Method)| {
                if let $version::Method::Other(name) = &method {
                    store.data_mut().keep(name.len())?;
                }
                let mut http = store.data_mut().http();
                Ok((Target::set_method(&mut http, request, method)?,))
            },
        )?;
        types.func_wrap(
            concat!("[method]", $name, ".set-authority"),
            |mut store: Store<'_>, (request, text): (Resource<$Request>, Option<String>)| {
                store
                    .data_mut()
                    .keep(text.as_ref().map_or(0, String::len))?;
                let mut http = store.data_mut().http();
                Ok((Target::set_authority(&mut http, request, text)?,))
            },
        )?;
        types.func_wrap(
            concat!("[method]", $name, ".set-path-with-query"),
            |mut store: Store<'_>, (request, text): (Resource<$Request>, Option<String>)| {
                store
                    .data_mut()
                    .keep(text.as_ref().map_or(0, String::len))?;
                let mut http = store.data_mut().http();
                Ok((Target::set_path_with_query(&mut http, request, text)?,))
            },
        )?;
        $linker.allow_shadowing(false);
    };
}

/// Replaces wasmtime's functions of wasi:http 0.2.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    fields!(linker, TYPES, p2);
    target!(
        linker,
        TYPES,
        p2::HostOutgoingRequest,
        HostOutgoingRequest,
        "outgoing-request"
    );
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap("[method]outgoing-request.body", request_body)?;
    types.func_wrap("[method]outgoing-response.body", response_body)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Replaces wasmtime's functions of wasi:http 0.3.
pub(crate) fn add_p3_to_linker(linker: &mut Linker<State>) -> Result<()> {
    fields!(linker, TYPES_P3, p3);
    target!(linker, TYPES_P3, p3::HostRequest, p3::Request, "request");
    Ok(())
}

type Body = (Result<Resource<HostOutgoingBody>, ()>,);

fn request_body(
    mut store: Store<'_>,
    (request,): (Resource<HostOutgoingRequest>,),
) -> Result<Body> {
    store.data_mut().keep_body()?;
    let mut http = store.data_mut().http();
    Ok((p2::HostOutgoingRequest::body(&mut http, request)?,))
}

fn response_body(
    mut store: Store<'_>,
    (response,): (Resource<HostOutgoingResponse>,),
) -> Result<Body> {
    store.data_mut().keep_body()?;
    let mut http = store.data_mut().http();
    Ok((p2::HostOutgoingResponse::body(&mut http, response)?,))
}
