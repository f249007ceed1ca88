//! All that is told of a component, as data.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use wasmparser::{KnownCustom, Parser, Payload, ProducersSectionReader};

use crate::guest::contract::{Contract, ContractError, Handler, Interface, Reach, Shape};

/// Tools and their versions, by kind.
pub(super) type MadeWith = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// What a component is.
#[derive(Serialize)]
pub(super) struct Facts {
    /// The file.
    pub(super) component: String,
    /// Its size.
    pub(super) bytes: usize,
    /// Which wasi:messaging it has, if any.
    pub(super) speaks: Option<&'static str>,
    /// How it may be used here.
    pub(super) uses: Vec<Use>,
    /// Why not at all, when not.
    pub(super) not_a_handler: Option<String>,
    /// What it offers.
    pub(super) exports: Vec<Interface>,
    /// What it asks for.
    pub(super) imports: Vec<Import>,
    /// Languages and tools, with their versions: `language`, `processed-by`, `sdk`.
    pub(super) made_with: MadeWith,
}

/// One way to use it.
#[derive(Serialize)]
pub(super) struct Use {
    /// In words.
    #[serde(rename = "as")]
    pub(super) role: &'static str,
    /// The line of a subscription for it.
    pub(super) config: String,
}

/// An import, and what lies behind it.
#[derive(Serialize)]
pub(super) struct Import {
    /// What this host has behind it.
    pub(super) reach: Reach,
    /// The interface.
    #[serde(flatten)]
    pub(super) interface: Interface,
}

impl Facts {
    /// Reads them from a component's bytes.
    pub(super) fn of(file: &str, bytes: &[u8]) -> Result<Self, ContractError> {
        let contract = Contract::read(file, bytes)?;
        let (uses, not_a_handler) = uses(file, &contract);
        Ok(Self {
            component: file.to_owned(),
            bytes: bytes.len(),
            speaks: contract.shape().map(Shape::words),
            uses,
            not_a_handler,
            exports: contract.exports,
            imports: contract.imports.into_iter().map(Import::of).collect(),
            made_with: made_with(bytes),
        })
    }

    /// The imports of one reach.
    pub(super) fn reaching(&self, reach: Reach) -> impl Iterator<Item = &Interface> {
        let of_it = self.imports.iter().filter(move |i| i.reach == reach);
        of_it.map(|import| &import.interface)
    }
}

impl Import {
    fn of(interface: Interface) -> Self {
        Self {
            reach: Reach::of(&interface),
            interface,
        }
    }
}

fn uses(file: &str, contract: &Contract) -> (Vec<Use>, Option<String>) {
    let handler = contract.handler();
    if let Err(missing) = contract.startable() {
        let other = handler
            .err()
            .filter(|it| matches!(it, ContractError::OtherVersion { .. }));
        return (Vec::new(), Some(other.unwrap_or(missing).to_string()));
    }
    let mut uses = Vec::new();
    if let Ok(handler) = &handler {
        uses.push(of_messages(file, *handler));
    }
    if contract.http_middleware().is_ok() {
        uses.push(Use {
            role: "an HTTP middleware: it stands in front of a handler in process",
            config: format!("to = {{ component = \"handler.wasm\", middleware = [{file:?}] }}"),
        });
    } else if contract.answers().is_ok() {
        uses.push(Use {
            role: "an endpoint in process: it answers HTTP requests",
            config: format!("to = {{ component = {file:?}, path = \"/\" }}"),
        });
    }
    let reason = handler.err().filter(|_| uses.is_empty());
    (uses, reason.map(|error| error.to_string()))
}

fn of_messages(file: &str, handler: Handler) -> Use {
    if handler.passes_on {
        return Use {
            role: "part of a chain: it receives messages and passes them on",
            config: format!("chain = [{file:?}]"),
        };
    }
    Use {
        role: match (handler.requests, handler.produces) {
            (true, true) => "a handler that sends messages and HTTP requests",
            (true, false) => "a handler that sends HTTP requests",
            (false, true) => "a handler that sends messages",
            (false, false) => "a handler that keeps what it receives to itself",
        },
        config: format!("component = {file:?}"),
    }
}

/// What the tools left in the component and in all that it contains. A section
/// that cannot be read tells nothing; it is no fault of the component's.
fn made_with(bytes: &[u8]) -> MadeWith {
    let mut found = MadeWith::new();
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        if let Payload::CustomSection(section) = payload
            && let KnownCustom::Producers(fields) = section.as_known()
        {
            collect(fields, &mut found);
        }
    }
    found
}

fn collect(fields: ProducersSectionReader<'_>, found: &mut MadeWith) {
    for field in fields.into_iter().map_while(Result::ok) {
        let tools = found.entry(field.name.to_owned()).or_default();
        for value in field.values.into_iter().map_while(Result::ok) {
            let versions = tools.entry(value.name.to_owned()).or_default();
            if !value.version.is_empty() {
                versions.insert(value.version.to_owned());
            }
        }
    }
}
