//! Compositions with an adapter for what a component sends, in place of the
//! host: to the one endpoint, or to one of several by name.

use wac_graph::{CompositionGraph, NodeId};

use super::{
    ComposeError, Ending, PRODUCE, PRODUCE_BY_NAME, Part, SHELL, chain_of, check_result,
    compose_as, export_all, register, write,
};
use crate::guest::contract::{Contract, HANDLER, MessageFace, PRODUCER, Shape, TYPES};

/// Where `produce-by-name` and `shell` meet: an export, and two imports.
const RECEIVED: &str = "bridge:worlds/received@0.1.0";
const INNER_RECEIVED: &str = "bridge:worlds/inner-received@0.1.0";
const INNER_HANDLER: &str = "bridge:worlds/inner-handler@0.1.0";

/// Makes one component of a chain that goes to one endpoint: what its last part
/// passes on; or, if that passes nothing on and sends messages, what the chain
/// sends.
pub fn to_endpoint(parts: &[Part<'_>]) -> Result<Vec<u8>, ComposeError> {
    let last = parts.last().ok_or(ComposeError::Empty)?;
    let contract = Contract::read(last.name, last.bytes)?;
    if !contract.sends_only() {
        let face = contract.passes_to().or(contract.face());
        let mut parts = parts.to_vec();
        parts.push(Part::adapter(face.unwrap_or(MessageFace::Synchronous)));
        return compose_as(&parts, Ending::Complete);
    }
    check_shape(&contract)?;
    let chain = compose_as(parts, Ending::Complete)?;
    finished(sent_to_one(&chain), parts)
}

/// Whether it sends messages and passes none on.
pub fn sends_only(part: &Part<'_>) -> Result<bool, ComposeError> {
    let contract = Contract::read(part.name, part.bytes)?;
    Ok(contract.sends_only())
}

/// Makes the component one that sends its messages to endpoints, by the name
/// that it connects to.
pub fn to_endpoints(part: &Part<'_>) -> Result<Vec<u8>, ComposeError> {
    let contract = Contract::read(part.name, part.bytes)?;
    if !contract.produces() {
        let file = part.name.to_owned();
        return Err(ComposeError::SendsNothing { file });
    }
    check_shape(&contract)?;
    finished(sent_by_name(part.bytes), &[*part])
}

/// The adapters for what is sent have messages of the published shape.
fn check_shape(contract: &Contract) -> Result<(), ComposeError> {
    match contract.shape() {
        Some(Shape::Draft) => Err(ComposeError::DraftSends {
            file: contract.file.clone(),
        }),
        _ => Ok(()),
    }
}

fn finished(made: Result<Vec<u8>, String>, parts: &[Part<'_>]) -> Result<Vec<u8>, ComposeError> {
    let parts = || parts.iter().map(|part| part.name.to_owned()).collect();
    let bytes = made.map_err(|reason| ComposeError::Graph {
        parts: parts(),
        reason,
    })?;
    match check_result(&bytes, Ending::Complete) {
        Ok(()) => Ok(bytes),
        Err(reason) => Err(ComposeError::Result {
            parts: parts(),
            reason,
        }),
    }
}

/// The messages stay the host's, and only where they are sent is replaced.
fn sent_to_one(chain: &[u8]) -> Result<Vec<u8>, String> {
    let mut graph = CompositionGraph::new();
    let produce = register(&mut graph, 0, &part("produce", PRODUCE))?;
    let chain = register(&mut graph, 1, &part("the chain", chain))?;
    let produce = graph.instantiate(produce);
    let outer = graph.instantiate(chain);
    join(&mut graph, (produce, PRODUCER), (outer, PRODUCER))?;
    export_all(&mut graph, chain, outer)?;
    write(&graph)
}

/// The component has messages and clients of `produce-by-name`'s, and around
/// it is a shell that has both kinds.
fn sent_by_name(component: &[u8]) -> Result<Vec<u8>, String> {
    let mut graph = CompositionGraph::new();
    let produce = register(&mut graph, 0, &part("produce-by-name", PRODUCE_BY_NAME))?;
    let inner = register(&mut graph, 1, &part("the component", component))?;
    let shell = register(&mut graph, 2, &part("shell", SHELL))?;
    let produce = graph.instantiate(produce);
    let inner = graph.instantiate(inner);
    join(&mut graph, (produce, TYPES), (inner, TYPES))?;
    join(&mut graph, (produce, PRODUCER), (inner, PRODUCER))?;
    let outer = graph.instantiate(shell);
    join(&mut graph, (produce, RECEIVED), (outer, INNER_RECEIVED))?;
    join(&mut graph, (inner, HANDLER), (outer, INNER_HANDLER))?;
    export_all(&mut graph, shell, outer)?;
    write(&graph)
}

fn part<'a>(name: &'a str, bytes: &'a [u8]) -> Part<'a> {
    Part { name, bytes }
}

/// Makes one's export the other's import.
fn join(
    graph: &mut CompositionGraph,
    (from, export): (NodeId, &str),
    (to, import): (NodeId, &str),
) -> Result<(), String> {
    let export = graph
        .alias_instance_export(from, export)
        .map_err(|error| chain_of(&error))?;
    graph
        .set_instantiation_argument(to, import, export)
        .map_err(|error| chain_of(&error))
}
