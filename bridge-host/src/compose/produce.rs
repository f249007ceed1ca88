//! Composes a component with an adapter for the messages that it sends: to one endpoint, or to
//! several by name.

use wac_graph::{CompositionGraph, NodeId};

use super::{
    ChainEnd, ChainPart, ComposeError, PRODUCE, PRODUCE_BY_NAME, SHELL, check_result, compose_as,
    export_all, register, with_causes, write,
};
use crate::guest::contract::{
    Contract, HANDLER, MessageInterface, MessagingRevision, PRODUCER, TYPES,
};

/// The interface that `produce-by-name` exports for `shell`, and the two that `shell` imports.
const RECEIVED: &str = "bridge:worlds/received@0.1.0";
const INNER_RECEIVED: &str = "bridge:worlds/inner-received@0.1.0";
const INNER_HANDLER: &str = "bridge:worlds/inner-handler@0.1.0";

/// Composes a chain whose messages go to one endpoint. The endpoint gets what the last part
/// forwards. If the last part forwards nothing, the endpoint gets what the chain sends.
pub fn to_endpoint(parts: &[ChainPart<'_>]) -> Result<Vec<u8>, ComposeError> {
    let last = parts.last().ok_or(ComposeError::Empty)?;
    let contract = Contract::read(last.name, last.bytes)?;
    if !contract.only_sends() {
        let interface = contract.next_interface().or(contract.message_interface());
        let mut parts = parts.to_vec();
        parts.push(ChainPart::adapter(
            interface.unwrap_or(MessageInterface::Synchronous),
        ));
        return compose_as(&parts, ChainEnd::Complete);
    }
    check_producer_revision(&contract)?;
    let chain = compose_as(parts, ChainEnd::Complete)?;
    checked(with_one_endpoint(&chain), parts)
}

/// Returns whether a component sends messages and forwards none.
pub fn only_sends(part: &ChainPart<'_>) -> Result<bool, ComposeError> {
    let contract = Contract::read(part.name, part.bytes)?;
    Ok(contract.only_sends())
}

/// Composes a component with the adapter that sends its messages to endpoints by name.
pub fn to_endpoints(part: &ChainPart<'_>) -> Result<Vec<u8>, ComposeError> {
    let contract = Contract::read(part.name, part.bytes)?;
    if !contract.sends_messages() {
        let file = part.name.to_owned();
        return Err(ComposeError::SendsNothing { file });
    }
    check_producer_revision(&contract)?;
    checked(with_named_endpoints(part.bytes), &[*part])
}

/// Rejects a component of the newest draft: the adapters for sent messages use the published
/// revision.
fn check_producer_revision(contract: &Contract) -> Result<(), ComposeError> {
    match contract.revision() {
        Some(MessagingRevision::Draft) => Err(ComposeError::DraftProducer {
            file: contract.file.clone(),
        }),
        _ => Ok(()),
    }
}

fn checked(
    made: Result<Vec<u8>, String>,
    parts: &[ChainPart<'_>],
) -> Result<Vec<u8>, ComposeError> {
    let parts = || parts.iter().map(|part| part.name.to_owned()).collect();
    let bytes = made.map_err(|reason| ComposeError::Graph {
        parts: parts(),
        reason,
    })?;
    match check_result(&bytes, ChainEnd::Complete) {
        Ok(()) => Ok(bytes),
        Err(reason) => Err(ComposeError::Result {
            parts: parts(),
            reason,
        }),
    }
}

/// Joins the chain and the adapter. The chain's messages are still the host's; only the producer is
/// replaced.
fn with_one_endpoint(chain: &[u8]) -> Result<Vec<u8>, String> {
    let mut graph = CompositionGraph::new();
    let produce = register(&mut graph, 0, &part("produce", PRODUCE))?;
    let chain = register(&mut graph, 1, &part("the chain", chain))?;
    let produce = graph.instantiate(produce);
    let outer = graph.instantiate(chain);
    join(&mut graph, (produce, PRODUCER), (outer, PRODUCER))?;
    export_all(&mut graph, chain, outer)?;
    write(&graph)
}

/// Joins the component, the adapter and the shell. The component gets its messages and clients from
/// the adapter; the shell converts between these and the host's.
fn with_named_endpoints(component: &[u8]) -> Result<Vec<u8>, String> {
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

fn part<'a>(name: &'a str, bytes: &'a [u8]) -> ChainPart<'a> {
    ChainPart { name, bytes }
}

/// Connects an export of one instance to an import of another.
fn join(
    graph: &mut CompositionGraph,
    (from, export): (NodeId, &str),
    (to, import): (NodeId, &str),
) -> Result<(), String> {
    let export = graph
        .alias_instance_export(from, export)
        .map_err(|error| with_causes(&error))?;
    graph
        .set_instantiation_argument(to, import, export)
        .map_err(|error| with_causes(&error))
}
