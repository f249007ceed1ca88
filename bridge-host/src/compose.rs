//! Components made into one: the one room that names wac. What a part calls is
//! the next part's; everything else that they import stays an import, shared
//! by all of them.

mod encode;
mod error;
mod fit;
mod link;
mod part;
mod produce;
mod shapes;

pub use encode::{EncodeError, encode};
pub use error::ComposeError;
pub use part::Part;
pub use produce::{sends_only, to_endpoint, to_endpoints};

use wac_graph::types::{Package, SubtypeChecker, are_semver_compatible};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId};

use crate::guest::contract::{Contract, HttpFace, MessageFace};
use link::{Joint, Link, with_adapter};
use part::Ending;

/// The adapter: the component in which a chain ends that goes to HTTP.
pub const ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/forward.wasm"));
/// The asynchronous adapter, which asks an HTTP handler that it is composed with.
pub const ASYNC_ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/forward-async.wasm"));
/// The adapter for chains of the newest draft of wasi:messaging.
pub const DRAFT_ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/forward-draft.wasm"));
/// What stands for the network behind the asynchronous adapter, in hosts that
/// offer `wasi:http/client` and no `wasi:http/handler`. It has no code.
pub const CLIENT_AS_HANDLER: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/client-as-handler.wasm"));
/// The adapter for what a component sends: all of it to one endpoint.
pub const PRODUCE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/produce.wasm"));
/// The adapter for what a component sends: to the endpoint of the name that it
/// connects to.
pub const PRODUCE_BY_NAME: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/produce-by-name.wasm"));
/// What goes around a component that has the messages of [`PRODUCE_BY_NAME`].
pub const SHELL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shell.wasm"));

impl Part<'static> {
    /// The adapter that takes messages through this face.
    pub fn adapter(face: MessageFace) -> Self {
        let (name, bytes) = match face {
            MessageFace::Synchronous => ("the built-in adapter", ADAPTER),
            MessageFace::Asynchronous => ("the built-in asynchronous adapter", ASYNC_ADAPTER),
            MessageFace::Draft => ("the built-in adapter of the newest draft", DRAFT_ADAPTER),
        };
        Self { name, bytes }
    }
}

/// Makes one component of a chain's parts, given in the order in which a
/// message meets them. The last one must not pass messages on.
pub fn compose(parts: &[Part<'_>]) -> Result<Vec<u8>, ComposeError> {
    compose_as(parts, Ending::Complete)
}

/// As [`compose`], with the adapter where messages become requests: before the
/// first HTTP handler, or after a last part that passes messages on.
pub fn compose_to_http(parts: &[Part<'_>]) -> Result<Vec<u8>, ComposeError> {
    compose_as(parts, Ending::Adapter)
}

/// As [`compose`], where the last part calls whatever the result will be
/// composed with.
pub fn compose_open(parts: &[Part<'_>]) -> Result<Vec<u8>, ComposeError> {
    compose_as(parts, Ending::Open)
}

fn compose_as(parts: &[Part<'_>], ending: Ending) -> Result<Vec<u8>, ComposeError> {
    let links = with_adapter(parts, ending)?;
    fit::check(&links)?;
    check_order(&links, ending)?;
    if let [only] = &links[..] {
        return Ok(only.part.bytes.to_vec());
    }
    let names = || links.iter().map(|link| link.part.name.to_owned()).collect();
    let bytes = join(&links).map_err(|reason| ComposeError::Graph {
        parts: names(),
        reason,
    })?;
    check_result(&bytes, ending).map_err(|reason| ComposeError::Result {
        parts: names(),
        reason,
    })?;
    Ok(bytes)
}

/// Every part calls on if something follows, and the last one does not pass
/// messages on.
fn check_order(links: &[Link<'_>], ending: Ending) -> Result<(), ComposeError> {
    let Some(last) = links.last() else {
        return Err(ComposeError::Empty);
    };
    for pair in links.windows(2) {
        if pair[0].joint().is_none() {
            let (file, next) = (pair[0].part.name.into(), pair[1].part.name.into());
            return Err(match pair[0].only_answers() {
                true => ComposeError::AnswersItself { file, next },
                false => ComposeError::PassesNothingOn { file, next },
            });
        }
    }
    if ending != Ending::Open && last.contract.passes_on() {
        return Err(ComposeError::NothingFollows {
            file: last.part.name.into(),
        });
    }
    Ok(())
}

/// Puts all parts into one graph, last first, and writes it out.
fn join(links: &[Link<'_>]) -> Result<Vec<u8>, String> {
    let mut graph = CompositionGraph::new();
    let mut packages: Vec<PackageId> = Vec::with_capacity(links.len());
    for (index, link) in links.iter().enumerate() {
        // A component that comes twice in a chain is carried once.
        let before = links[..index].iter();
        let before = before
            .clone()
            .position(|it| it.part.bytes == link.part.bytes);
        packages.push(match before {
            Some(before) => packages[before],
            None => register(&mut graph, index, &link.part)?,
        });
    }
    let mut next: Option<(PackageId, NodeId)> = None;
    for (link, package) in links.iter().zip(packages).rev() {
        let instance = graph.instantiate(package);
        if let Some((plug, plug_instance)) = next {
            for (export, import) in matching(&graph, plug, package, link.joint()) {
                let export = graph
                    .alias_instance_export(plug_instance, &export)
                    .map_err(|error| chain_of(&error))?;
                graph
                    .set_instantiation_argument(instance, &import, export)
                    .map_err(|error| chain_of(&error))?;
            }
        }
        next = Some((package, instance));
    }
    if let Some((first, instance)) = next {
        export_all(&mut graph, first, instance)?;
    }
    write(&graph)
}

fn write(graph: &CompositionGraph) -> Result<Vec<u8>, String> {
    let options = EncodeOptions {
        // What the parts contain is validated when it is compiled, and the
        // frame around them when the result is read.
        validate: false,
        ..EncodeOptions::default()
    };
    graph.encode(options).map_err(|error| chain_of(&error))
}

fn register(
    graph: &mut CompositionGraph,
    index: usize,
    part: &Part<'_>,
) -> Result<PackageId, String> {
    let name = format!("bridge:part{index}");
    let package = Package::from_bytes(&name, None, part.bytes, graph.types_mut())
        .map_err(|error| format!("{}: {error:#}", part.name))?;
    graph
        .register_package(package)
        .map_err(|error| chain_of(&error))
}

/// The exports of `plug` that fill imports of `socket`, both by name: those
/// that `wac plug` would take.
fn matching(
    graph: &CompositionGraph,
    plug: PackageId,
    socket: PackageId,
    joint: Option<Joint>,
) -> Vec<(String, String)> {
    let types = graph.types();
    let exports = &types[graph[plug].ty()].exports;
    let imports = &types[graph[socket].ty()].imports;
    let mut cache = Default::default();
    let mut checker = SubtypeChecker::new(&mut cache);
    let mut found = Vec::new();
    for (export, has) in exports {
        let exact = imports.get_key_value(export);
        let import = exact.or_else(|| {
            imports
                .iter()
                .find(|(import, _)| are_semver_compatible(export, import))
        });
        let Some((import, wants)) = import else {
            continue;
        };
        // The one that makes a chain is passed in any case, so that what
        // does not fit is an error and not an import left open.
        if joint.is_some_and(|joint| joint.is(export))
            || checker.is_subtype(*has, types, *wants, types).is_ok()
        {
            found.push((export.clone(), import.clone()));
        }
    }
    found
}

fn export_all(
    graph: &mut CompositionGraph,
    package: PackageId,
    instance: NodeId,
) -> Result<(), String> {
    let exports = graph.types()[graph[package].ty()].exports.keys();
    for name in exports.cloned().collect::<Vec<_>>() {
        let export = graph
            .alias_instance_export(instance, &name)
            .map_err(|error| chain_of(&error))?;
        graph
            .export(export, &name)
            .map_err(|error| chain_of(&error))?;
    }
    Ok(())
}

/// The result is a component of the shape that was meant: a wrong direction
/// in a graph is not always an error of it.
fn check_result(bytes: &[u8], ending: Ending) -> Result<(), String> {
    let result = Contract::read("the result", bytes).map_err(|error| error.to_string())?;
    let answers = result.answers() == Ok(HttpFace::Service);
    if result.face().is_none() && !(answers && ending != Ending::Adapter) {
        return Err("it does not export an incoming-handler".into());
    }
    if ending != Ending::Open && result.passes_on() {
        return Err("it still imports an incoming-handler".into());
    }
    Ok(())
}

/// An error and what caused it, in one line.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
