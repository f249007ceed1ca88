//! Why components do not make one, told to someone who has only their files.

use crate::guest::contract::{ContractError, Difference};

/// Why a chain cannot be composed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// No parts.
    #[error("a chain of no components; name at least one")]
    Empty,
    /// A part is not a component that handles messages.
    #[error(transparent)]
    Part(#[from] ContractError),
    /// Something follows a part that ends the way of a message.
    #[error(
        "{file} ends the chain: it does not import wasi:messaging/incoming-handler@0.2.0-draft, \
         so that {next} after it would never get a message; \
         put {file} last, or build it for a world that also imports that interface"
    )]
    PassesNothingOn {
        /// The part.
        file: String,
        /// The one after it.
        next: String,
    },
    /// An HTTP handler that something follows.
    #[error(
        "{file} answers HTTP requests itself: it does not import wasi:http/handler@0.3, so that {next} \
         after it would never get a request; put {file} last"
    )]
    AnswersItself {
        /// The part.
        file: String,
        /// The one after it.
        next: String,
    },
    /// The last part passes messages on.
    #[error(
        "{file} is the last of the chain and passes messages on: it imports \
         wasi:messaging/incoming-handler@0.2.0-draft, and nothing follows; \
         set `to`, the endpoint that gets what the chain passes on, \
         or let another component that handles messages follow it"
    )]
    NothingFollows {
        /// The part.
        file: String,
    },
    /// A part's import is not the next one's export.
    #[error(
        "{caller} and {callee} do not fit: {caller} imports {interface} as {callee} does not \
         export it:{}\n  {}",
        lines(differences, caller, callee),
        remedy(departs)
    )]
    Misfit {
        /// The part that calls.
        caller: String,
        /// The next part, which is called.
        callee: String,
        /// Through what.
        interface: String,
        /// All that differs, seen from the caller.
        differences: Vec<Difference>,
        /// Those of the two that depart from the published contract.
        departs: Box<[String]>,
    },
    /// Parts of two shapes of wasi:messaging.
    #[error(
        "{draft} and {published} do not fit: {draft} is made from the newest draft of wasi:messaging and \
         {published} from the published contract; both are called {interface}, and are not the \
         same:{}\n  build {draft} from wit/deps/messaging of bridge-host's source, or {published} from \
         wit/draft/deps/messaging",
        lines(differences, draft, published)
    )]
    Shapes {
        /// The part that is of the newest draft.
        draft: String,
        /// The one that is not.
        published: String,
        /// In which they differ.
        interface: String,
        /// All that differs, seen from the first.
        differences: Vec<Difference>,
    },
    /// The adapters for what is sent have messages of the published shape.
    #[error(
        "{file} sends messages as the newest draft of wasi:messaging has them, and the adapter that posts \
         what a component sends is made for the published contract; let {file} send to a connection, \
         from which another subscription forwards, or build it from wit/deps/messaging of \
         bridge-host's source"
    )]
    DraftSends {
        /// The component.
        file: String,
    },
    /// A part calls through an interface that the next one does not have.
    #[error(
        "{caller} and {callee} do not fit: {caller} imports {import}, and {callee} exports {}; \
         a synchronous handler of messages calls a synchronous one, an asynchronous one an \
         asynchronous one: build {callee} for a world that exports {import}, or {caller} for one \
         that imports what {callee} has",
        list(exports)
    )]
    NotTaken {
        /// The part that calls.
        caller: String,
        /// The interface through which it does.
        import: String,
        /// The next part.
        callee: String,
        /// What that one exports.
        exports: Vec<String>,
    },
    /// A synchronous part in front of an asynchronous handler.
    #[error(
        "{file} and {handler} do not go into one component: {file} passes messages on through a plain \
         func, which may not wait for a handler of wasi:http 0.3; let the host join them, \
         `chain = [{file:?}]` and `to = {{ component = {handler:?} }}`, or build {file} for \
         bridge:messaging/incoming-handler@0.1.0"
    )]
    Blocks {
        /// The part that passes messages on.
        file: String,
        /// The handler after it.
        handler: String,
    },
    /// A handler that no adapter can be composed with.
    #[error(
        "{file} cannot be composed with the adapter: it answers in wasi:http 0.2, where the one who asks \
         and the one who answers have different types of requests; let the host join them, \
         `to = {{ component = {file:?} }}`, or build it for wasi:http/handler@0.3"
    )]
    OldHandler {
        /// The handler.
        file: String,
    },
    /// A middleware of wasi:http 0.3 in front of a handler of 0.2.
    #[error(
        "{middleware} and {file} do not fit: {middleware} hands its request on in wasi:http 0.3, and {file} \
         answers in 0.2; build {file} for wasi:http/handler@0.3, or leave {middleware} out"
    )]
    OldBehind {
        /// The one in front.
        middleware: String,
        /// The handler.
        file: String,
    },
    /// Two parts want something else of the host under one name.
    #[error(
        "{one} and {other} do not fit: both import {interface}, and the host would have to \
         offer it in two shapes:{}\n  {}",
        lines(differences, one, other),
        remedy(departs)
    )]
    Shared {
        /// The earlier part.
        one: String,
        /// The later part.
        other: String,
        /// The interface that both import.
        interface: String,
        /// All that differs, seen from the earlier part.
        differences: Vec<Difference>,
        /// Those of the two that depart from the published contract.
        departs: Box<[String]>,
    },
    /// Endpoints by name, and a component that names none.
    #[error(
        "{file} sends no messages: it does not import wasi:messaging/producer@0.2.0-draft, \
         so that `endpoints` are for nobody; leave them out"
    )]
    SendsNothing {
        /// The component.
        file: String,
    },
    /// Endpoints by name, and another for all that is sent.
    #[error(
        "{file} sends messages and passes none on, so that all it sends goes to `to`, and \
         none of it to `endpoints`: keep one of the two"
    )]
    SendsToOne {
        /// The last component.
        file: String,
    },
    /// What nothing above foresaw.
    #[error(
        "{} cannot be composed: {reason}; their interfaces have the same names and are not the same, \
         see `bridge-host inspect` of each",
        parts.join(", ")
    )]
    Graph {
        /// All parts, in order.
        parts: Vec<String>,
        /// The composer's word for it.
        reason: String,
    },
    /// A result that is not what was meant.
    #[error("composing {} gave a component that cannot be used: {reason}", parts.join(", "))]
    Result {
        /// All parts, in order.
        parts: Vec<String>,
        /// What is wrong with it.
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

fn remedy(departs: &[String]) -> String {
    match departs {
        [] => "build both from the same WIT; the names of parameters count".into(),
        files => format!(
            "{} from the published contract; build from wit/deps/messaging of bridge-host's \
             source, where the names of parameters count",
            match files {
                [file] => format!("{file} departs"),
                files => format!("{} depart", files.join(" and ")),
            }
        ),
    }
}
