//! All that a component may import: wasi:messaging and wasi:http of ours,
//! wasi:config, wasi:logging, and the whole of wasi:cli with nothing granted behind it.

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
use crate::guest::contract::{Model, Shape};

/// A linker with every interface of the host, wasi:messaging in this shape. What
/// is asynchronous itself is linked for those components alone that can wait for
/// it.
pub(crate) fn linker(engine: &Engine, model: Model, shape: Shape) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasi_outgoing_handler::add_to_linker(&mut linker)?;
    fields::add_to_linker(&mut linker)?;
    config_store::add_to_linker(&mut linker)?;
    logging::add_to_linker(&mut linker)?;
    match shape {
        Shape::Published => messaging::add_to_linker(&mut linker)?,
        Shape::Draft => draft::add_to_linker(&mut linker)?,
    }
    if model == Model::Asynchronous {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        fields::add_p3_to_linker(&mut linker)?;
        concurrent::add_http_to_linker(&mut linker)?;
        // Of the newest draft no instance has more than one call under way.
        if shape == Shape::Published {
            concurrent::add_messaging_to_linker(&mut linker)?;
        }
    }
    Ok(linker)
}

#[cfg(test)]
mod tests;
