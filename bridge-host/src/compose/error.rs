//! Why components cannot be composed, for a reader who has only their files.

use crate::guest::contract::{ContractError, Difference};

/// Why a chain cannot be composed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// The chain has no parts.
    #[error("the chain is empty: name at least one component")]
    Empty,
    /// A part is not a component that handles messages.
    #[error(transparent)]
    ChainPart(#[from] ContractError),
    /// A part that does not forward messages is not the last one.
    #[error(
        "{file} does not forward messages: it does not import wasi:messaging/incoming-handler@0.2.0-draft, \
         so {next}, which follows it, would never get a message; \
         put {file} last, or build it for a world that imports that interface"
    )]
    ForwardsNothing {
        /// The part.
        file: String,
        /// The part after it.
        next: String,
    },
    /// An HTTP handler is not the last part.
    #[error(
        "{file} does not forward requests: it does not import wasi:http/handler@0.3, so {next}, which \
         follows it, would never get a request; put {file} last"
    )]
    ForwardsNoRequests {
        /// The part.
        file: String,
        /// The part after it.
        next: String,
    },
    /// The last part forwards messages.
    #[error(
        "{file} is the last of the chain, but forwards messages: it imports \
         wasi:messaging/incoming-handler@0.2.0-draft, and no component follows it; \
         set `to`, the endpoint that the chain's messages go to, \
         or add another component that handles messages"
    )]
    NothingFollows {
        /// The part.
        file: String,
    },
    /// A part imports an interface differently from how the next part exports it.
    #[error(
        "{caller} and {callee} do not match: {caller} imports {interface}, which {callee} exports \
         differently:{}\n  {}",
        lines(differences, caller, callee),
        remedy(differing)
    )]
    InterfaceMismatch {
        /// The part that calls.
        caller: String,
        /// The next part, which is called.
        callee: String,
        /// The interface.
        interface: String,
        /// All differences, from the caller's side.
        differences: Vec<Difference>,
        /// The files of the parts that differ from the published contract.
        differing: Box<[String]>,
    },
    /// The parts use two revisions of wasi:messaging.
    #[error(
        "{draft} and {published} do not match: {draft} uses the newest draft of wasi:messaging, and \
         {published} the published contract; both name the interface {interface}, but it \
         differs:{}\n  build {draft} from wit/deps/messaging of bridge-host's source, or {published} from \
         wit/draft/deps/messaging",
        lines(differences, draft, published)
    )]
    MixedRevisions {
        /// The part that uses the newest draft.
        draft: String,
        /// The part that uses the published contract.
        published: String,
        /// An interface that differs.
        interface: String,
        /// All differences, from the side of `draft`.
        differences: Vec<Difference>,
    },
    /// The component sends messages of the newest draft. The adapters for sent messages support the
    /// published contract only.
    #[error(
        "{file} sends messages through the newest draft of wasi:messaging, but the adapter that posts \
         sent messages supports the published contract only; let {file} send to a connection \
         from which another subscription forwards, or build it from wit/deps/messaging of \
         bridge-host's source"
    )]
    DraftProducer {
        /// The component.
        file: String,
    },
    /// The next part does not export the interface through which a part calls it.
    #[error(
        "{caller} and {callee} do not match: {caller} imports {import}, but {callee} exports {}; \
         a synchronous message handler can only call a synchronous one, and an asynchronous one only \
         an asynchronous one: build {callee} for a world that exports {import}, or {caller} for one \
         that imports what {callee} exports",
        list(exports)
    )]
    MissingExport {
        /// The part that calls.
        caller: String,
        /// The interface that it imports.
        import: String,
        /// The next part.
        callee: String,
        /// The interfaces that the next part exports.
        exports: Vec<String>,
    },
    /// A synchronous part is in front of an asynchronous HTTP handler.
    #[error(
        "{file} and {handler} cannot be one component: {file} forwards messages through a plain \
         func, which cannot wait for a handler of wasi:http 0.3; let the host connect them with \
         `chain = [{file:?}]` and `to = {{ component = {handler:?} }}`, or build {file} for \
         bridge:messaging/incoming-handler@0.1.0"
    )]
    BlockingCaller {
        /// The part that forwards messages.
        file: String,
        /// The handler after it.
        handler: String,
    },
    /// A handler of wasi:http 0.2, which cannot be composed with an adapter.
    #[error(
        "{file} cannot be composed with the adapter: it answers through wasi:http 0.2, whose caller \
         and handler have different types of requests; let the host connect them with \
         `to = {{ component = {file:?} }}`, or build it for wasi:http/handler@0.3"
    )]
    OldHttpHandler {
        /// The handler.
        file: String,
    },
    /// A middleware of wasi:http 0.3 is in front of a handler of wasi:http 0.2.
    #[error(
        "{middleware} and {file} do not match: {middleware} forwards requests through wasi:http 0.3, but \
         {file} answers through 0.2; build {file} for wasi:http/handler@0.3, or leave {middleware} out"
    )]
    OldHandlerAfterMiddleware {
        /// The middleware.
        middleware: String,
        /// The handler.
        file: String,
    },
    /// Two parts import an interface of the host differently.
    #[error(
        "{one} and {other} do not match: both import {interface}, but differently, and the host provides \
         it once:{}\n  {}",
        lines(differences, one, other),
        remedy(differing)
    )]
    SharedImportMismatch {
        /// The earlier part.
        one: String,
        /// The later part.
        other: String,
        /// The interface that both import.
        interface: String,
        /// All differences, from the side of the earlier part.
        differences: Vec<Difference>,
        /// The files of the parts that differ from the published contract.
        differing: Box<[String]>,
    },
    /// The component sends no messages, but `endpoints` is set.
    #[error(
        "{file} sends no messages: it does not import wasi:messaging/producer@0.2.0-draft, \
         so `endpoints` has no effect; remove it"
    )]
    SendsNothing {
        /// The component.
        file: String,
    },
    /// The component sends messages and forwards none, but both `to` and `endpoints` are set.
    #[error(
        "{file} sends messages but forwards none, so its messages go to `to`, and \
         `endpoints` has no effect: remove one of the two"
    )]
    SendsToOne {
        /// The last component of the chain.
        file: String,
    },
    /// wac rejects the composition for a reason that no check above found.
    #[error(
        "{} cannot be composed: {reason}; their interfaces have the same names, but differ: \
         compare the output of `bridge-host inspect` for each",
        parts.join(", ")
    )]
    Graph {
        /// The names of all parts, in order.
        parts: Vec<String>,
        /// The error of wac.
        reason: String,
    },
    /// The result is not a usable component.
    #[error("composing {} gave a component that cannot be used: {reason}", parts.join(", "))]
    Result {
        /// The names of all parts, in order.
        parts: Vec<String>,
        /// What is wrong with the result.
        reason: String,
    },
}

fn lines(differences: &[Difference], one: &str, other: &str) -> String {
    differences
        .iter()
        .map(|difference| format!("\n  {}", difference.between(one, other)))
        .collect()
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".into(),
        names => names.join(", "),
    }
}

fn remedy(differing: &[String]) -> String {
    match differing {
        [] => "build both from the same WIT; the names of parameters count, too".into(),
        files => format!(
            "{} from the published contract; build from wit/deps/messaging of bridge-host's \
             source; the names of parameters count, too",
            match files {
                [file] => format!("{file} differs"),
                files => format!("{} differ", files.join(" and ")),
            }
        ),
    }
}
