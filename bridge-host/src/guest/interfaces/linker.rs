//! The linker with all interfaces that a component may import: wasi:messaging, wasi:http,
//! wasi:config, wasi:logging, and the rest of wasi:cli, which gives access to nothing.

use wasmtime::component::Linker;
use wasmtime::{Engine, Result};

use super::concurrent;
use super::config_store;
use super::draft;
use super::fields;
use super::logging;
use super::messaging;
use super::state::State;
use super::wasi_outgoing_handler;
use crate::guest::contract::{CallModel, MessagingRevision};

/// Returns a linker with every interface of the host, and wasi:messaging in this revision.
/// Asynchronous interfaces are linked only for components that can wait for them.
pub(crate) fn linker(
    engine: &Engine,
    model: CallModel,
    shape: MessagingRevision,
) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasi_outgoing_handler::add_to_linker(&mut linker)?;
    fields::add_to_linker(&mut linker)?;
    config_store::add_to_linker(&mut linker)?;
    logging::add_to_linker(&mut linker)?;
    match shape {
        MessagingRevision::Published => messaging::add_to_linker(&mut linker)?,
        MessagingRevision::Draft => draft::add_to_linker(&mut linker)?,
    }
    if model == CallModel::Asynchronous {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        fields::add_p3_to_linker(&mut linker)?;
        concurrent::add_http_to_linker(&mut linker)?;
        // Components of the newest draft have one call in progress for each instance.
        if shape == MessagingRevision::Published {
            concurrent::add_messaging_to_linker(&mut linker)?;
        }
    }
    Ok(linker)
}

#[cfg(test)]
mod tests;
