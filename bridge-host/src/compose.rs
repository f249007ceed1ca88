//! Composes components into one. Only this room uses wac. A part's call goes to the next part; all
//! other imports of the parts stay imports of the composition, which shares them.

mod chain_link;
mod encode;
mod error;
mod interface_check;
mod part;
mod produce;
mod revision_check;

pub use encode::{EncodeError, encode};
pub use error::ComposeError;
pub use part::ChainPart;
pub use produce::{only_sends, to_endpoint, to_endpoints};

use wac_graph::types::{Package, SubtypeChecker, are_semver_compatible};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId};

use crate::guest::contract::{Contract, HttpInterface, MessageInterface};
use chain_link::{CallInterface, ChainLink, insert_adapter};
use part::ChainEnd;

/// The synchronous adapter, which ends a chain and sends its messages over HTTP.
pub const ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/forward.wasm"));
/// The asynchronous adapter, which can be composed with an HTTP handler.
pub const ASYNC_ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/forward-async.wasm"));
/// The adapter for chains that use the newest draft of wasi:messaging.
pub const DRAFT_ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/forward-draft.wasm"));
/// Exports `wasi:http/handler` by importing `wasi:http/client`, for hosts that only provide the
/// client. It contains no code.
pub const CLIENT_AS_HANDLER: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/client-as-handler.wasm"));
/// The adapter that sends all messages of a component to one endpoint.
pub const PRODUCE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/produce.wasm"));
/// The adapter that sends each message of a component to the endpoint whose name the component
/// connects to.
pub const PRODUCE_BY_NAME: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/produce-by-name.wasm"));
/// Wraps a component that gets its messages from [`PRODUCE_BY_NAME`].
pub const SHELL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/shell.wasm"));

impl ChainPart<'static> {
    /// Returns the built-in adapter that handles messages through this interface.
    pub fn adapter(interface: MessageInterface) -> Self {
        let (name, bytes) = match interface {
            MessageInterface::Synchronous => ("the built-in adapter", ADAPTER),
            MessageInterface::Asynchronous => ("the built-in asynchronous adapter", ASYNC_ADAPTER),
            MessageInterface::Draft => ("the built-in adapter of the newest draft", DRAFT_ADAPTER),
        };
        Self { name, bytes }
    }
}

/// Composes the parts of a chain, given in the order in which a message passes them.
///
/// Fails if a part cannot be called by the one before it, or if the last one forwards messages.
pub fn compose(parts: &[ChainPart<'_>]) -> Result<Vec<u8>, ComposeError> {
    compose_as(parts, ChainEnd::Complete)
}

/// Composes as [`compose`] does, and adds the adapter where messages become requests: before the
/// first HTTP handler, or after the last part.
///
/// ```
/// use bridge_host::compose::{ADAPTER, ChainPart, ComposeError, compose_to_http};
///
/// let adapter = ChainPart { name: "adapter.wasm", bytes: ADAPTER };
/// // A single part that does not forward messages is returned unchanged.
/// assert_eq!(compose_to_http(&[adapter])?, ADAPTER);
/// # Ok::<(), ComposeError>(())
/// ```
pub fn compose_to_http(parts: &[ChainPart<'_>]) -> Result<Vec<u8>, ComposeError> {
    compose_as(parts, ChainEnd::Adapter)
}

/// Composes as [`compose`] does, and leaves open what the last part calls.
pub fn compose_open(parts: &[ChainPart<'_>]) -> Result<Vec<u8>, ComposeError> {
    compose_as(parts, ChainEnd::Open)
}

fn compose_as(parts: &[ChainPart<'_>], end: ChainEnd) -> Result<Vec<u8>, ComposeError> {
    let links = insert_adapter(parts, end)?;
    interface_check::check(&links)?;
    check_order(&links, end)?;
    if let [only] = &links[..] {
        return Ok(only.part.bytes.to_vec());
    }
    let names = || links.iter().map(|link| link.part.name.to_owned()).collect();
    let bytes = join(&links).map_err(|reason| ComposeError::Graph {
        parts: names(),
        reason,
    })?;
    check_result(&bytes, end).map_err(|reason| ComposeError::Result {
        parts: names(),
        reason,
    })?;
    Ok(bytes)
}

/// Checks that every part but the last calls the next one, and that the last one does not forward
/// messages.
fn check_order(links: &[ChainLink<'_>], end: ChainEnd) -> Result<(), ComposeError> {
    let Some(last) = links.last() else {
        return Err(ComposeError::Empty);
    };
    for pair in links.windows(2) {
        if pair[0].call_interface().is_none() {
            let (file, next) = (pair[0].part.name.into(), pair[1].part.name.into());
            return Err(match pair[0].only_handles_requests() {
                true => ComposeError::ForwardsNoRequests { file, next },
                false => ComposeError::ForwardsNothing { file, next },
            });
        }
    }
    if end != ChainEnd::Open && last.contract.forwards() {
        return Err(ComposeError::NothingFollows {
            file: last.part.name.into(),
        });
    }
    Ok(())
}

/// Joins all parts in one graph, beginning with the last one, and encodes it.
fn join(links: &[ChainLink<'_>]) -> Result<Vec<u8>, String> {
    let mut graph = CompositionGraph::new();
    let mut packages: Vec<PackageId> = Vec::with_capacity(links.len());
    for (index, link) in links.iter().enumerate() {
        // A component that occurs twice in a chain is included once.
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
            for (export, import) in matching(&graph, plug, package, link.call_interface()) {
                let export = graph
                    .alias_instance_export(plug_instance, &export)
                    .map_err(|error| with_causes(&error))?;
                graph
                    .set_instantiation_argument(instance, &import, export)
                    .map_err(|error| with_causes(&error))?;
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
        // The parts are validated when they are compiled, and the composition when `check_result`
        // reads it.
        validate: false,
        ..EncodeOptions::default()
    };
    graph.encode(options).map_err(|error| with_causes(&error))
}

fn register(
    graph: &mut CompositionGraph,
    index: usize,
    part: &ChainPart<'_>,
) -> Result<PackageId, String> {
    let name = format!("bridge:part{index}");
    let package = Package::from_bytes(&name, None, part.bytes, graph.types_mut())
        .map_err(|error| format!("{}: {error:#}", part.name))?;
    graph
        .register_package(package)
        .map_err(|error| with_causes(&error))
}

/// Returns the exports of `plug` that `socket` imports, both by name. `wac plug` chooses the same
/// ones.
fn matching(
    graph: &CompositionGraph,
    plug: PackageId,
    socket: PackageId,
    call_interface: Option<CallInterface>,
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
        // The interface that joins the chain is connected even if it does not match. An error is
        // better than an import that stays open.
        if call_interface.is_some_and(|call_interface| call_interface.is(export))
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
            .map_err(|error| with_causes(&error))?;
        graph
            .export(export, &name)
            .map_err(|error| with_causes(&error))?;
    }
    Ok(())
}

/// Checks that the result exports and imports what it should. A graph that is joined the wrong way
/// is not always an error of wac's.
fn check_result(bytes: &[u8], end: ChainEnd) -> Result<(), String> {
    let result = Contract::read("the result", bytes).map_err(|error| error.to_string())?;
    let answers = result.http_interface() == Ok(HttpInterface::Service);
    if result.message_interface().is_none() && !(answers && end != ChainEnd::Adapter) {
        return Err("it does not export an incoming-handler".into());
    }
    if end != ChainEnd::Open && result.forwards() {
        return Err("it still imports an incoming-handler".into());
    }
    Ok(())
}

/// Renders an error and its causes on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
