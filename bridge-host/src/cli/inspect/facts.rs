//! The facts about a component, as plain data. Formatting them for people is in `text`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use wasmparser::{KnownCustom, Parser, Payload, ProducersSectionReader};

use crate::guest::contract::{
    Contract, ContractError, ImportAccess, Interface, MessageHandlerProfile, MessagingRevision,
};

/// Tools and their versions, by kind.
pub(super) type MadeWith = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The facts about a component.
#[derive(Serialize)]
pub(super) struct Facts {
    /// The file.
    pub(super) component: String,
    /// The size of the file.
    pub(super) bytes: usize,
    /// The version of wasi:messaging that it uses, if any.
    pub(super) speaks: Option<&'static str>,
    /// How it can be used in a config.
    pub(super) uses: Vec<Use>,
    /// Why it cannot be used, if there is no use.
    pub(super) not_a_handler: Option<String>,
    /// Its exports.
    pub(super) exports: Vec<Interface>,
    /// Its imports.
    pub(super) imports: Vec<Import>,
    /// Languages and tools, with their versions: `language`, `processed-by`, `sdk`.
    pub(super) made_with: MadeWith,
}

/// One way to use a component.
#[derive(Serialize)]
pub(super) struct Use {
    /// A description.
    #[serde(rename = "as")]
    pub(super) role: &'static str,
    /// The line of a subscription for it.
    pub(super) config: String,
}

/// An import, and what it reaches.
#[derive(Serialize)]
pub(super) struct Import {
    /// What this host provides for it.
    pub(super) reach: ImportAccess,
    /// The interface.
    #[serde(flatten)]
    pub(super) interface: Interface,
}

impl Facts {
    /// Reads the facts from a component's bytes.
    pub(super) fn of(file: &str, bytes: &[u8]) -> Result<Self, ContractError> {
        let contract = Contract::read(file, bytes)?;
        let (uses, not_a_handler) = uses(file, &contract);
        Ok(Self {
            component: file.to_owned(),
            bytes: bytes.len(),
            speaks: contract.revision().map(MessagingRevision::description),
            uses,
            not_a_handler,
            exports: contract.exports,
            imports: contract.imports.into_iter().map(Import::of).collect(),
            made_with: made_with(bytes),
        })
    }

    /// Returns the imports with this reach.
    pub(super) fn reaching(&self, reach: ImportAccess) -> impl Iterator<Item = &Interface> {
        let imports = self.imports.iter().filter(move |i| i.reach == reach);
        imports.map(|import| &import.interface)
    }
}

impl Import {
    fn of(interface: Interface) -> Self {
        Self {
            reach: ImportAccess::of(&interface),
            interface,
        }
    }
}

fn uses(file: &str, contract: &Contract) -> (Vec<Use>, Option<String>) {
    let handler = contract.message_handler();
    if let Err(missing) = contract.check_imports() {
        let other = handler
            .err()
            .filter(|it| matches!(it, ContractError::OtherVersion { .. }));
        return (Vec::new(), Some(other.unwrap_or(missing).to_string()));
    }
    let mut uses = Vec::new();
    if let Ok(handler) = &handler {
        uses.push(of_messages(file, *handler));
    }
    if contract.check_http_middleware().is_ok() {
        uses.push(Use {
            role: "an HTTP middleware in front of a handler in process",
            config: format!("to = {{ component = \"handler.wasm\", middleware = [{file:?}] }}"),
        });
    } else if contract.http_interface().is_ok() {
        uses.push(Use {
            role: "an endpoint in process, which answers HTTP requests",
            config: format!("to = {{ component = {file:?}, path = \"/\" }}"),
        });
    }
    let reason = handler.err().filter(|_| uses.is_empty());
    (uses, reason.map(|error| error.to_string()))
}

fn of_messages(file: &str, handler: MessageHandlerProfile) -> Use {
    if handler.forwards {
        return Use {
            role: "part of a chain: it receives messages and forwards them",
            config: format!("chain = [{file:?}]"),
        };
    }
    Use {
        role: match (handler.sends_requests, handler.sends_messages) {
            (true, true) => "a handler that publishes messages and sends HTTP requests",
            (true, false) => "a handler that sends HTTP requests",
            (false, true) => "a handler that publishes messages",
            (false, false) => "a handler that sends neither messages nor HTTP requests",
        },
        config: format!("component = {file:?}"),
    }
}

/// Returns the tools that the `producers` sections of the component and its inner modules
/// name. A section that cannot be read is skipped.
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
