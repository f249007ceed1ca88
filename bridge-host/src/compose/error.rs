//! Why components do not make one, told to someone who has only their files.

use crate::guest::contract::{ContractError, Difference, HANDLER};

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
    /// The last part passes messages on.
    #[error(
        "{file} is the last of the chain and passes messages on: it imports \
         wasi:messaging/incoming-handler@0.2.0-draft, and nothing follows; \
         let the adapter or another component that handles messages follow it"
    )]
    NothingFollows {
        /// The part.
        file: String,
    },
    /// A part's import is not the next one's export.
    #[error(
        "{caller} and {callee} do not fit: {caller} imports {HANDLER} as {callee} does not \
         export it:{}\n  {}",
        lines(differences, caller, callee),
        remedy(departs)
    )]
    Misfit {
        /// The part that calls.
        caller: String,
        /// The next part, which is called.
        callee: String,
        /// All that differs, seen from the caller.
        differences: Vec<Difference>,
        /// Those of the two that depart from the published contract.
        departs: Box<[String]>,
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
