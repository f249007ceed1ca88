//! One part of a chain and its contract, the interface through which it calls the next part, and
//! the place of the adapter.

use super::error::ComposeError;
use super::part::{ChainEnd, ChainPart};
use crate::guest::contract::{Contract, ContractError, Interface, MessageInterface};

/// A part, with its contract.
pub(super) struct ChainLink<'a> {
    pub(super) part: ChainPart<'a>,
    pub(super) contract: Contract,
}

/// The interface through which a part calls the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallInterface {
    /// An incoming-handler.
    Messages(MessageInterface),
    /// `wasi:http/handler@0.3`.
    Http,
}

impl CallInterface {
    /// Returns whether the interface has this name.
    pub(super) fn is(self, name: &str) -> bool {
        match self {
            Self::Messages(interface) => name == interface.name(),
            Self::Http => name.starts_with("wasi:http/handler@0.3."),
        }
    }
}

impl<'a> ChainLink<'a> {
    pub(super) fn read(part: ChainPart<'a>) -> Result<Self, ContractError> {
        let contract = Contract::read(part.name, part.bytes)?;
        Ok(Self { part, contract })
    }

    /// Returns the interface through which the part calls the next one.
    pub(super) fn call_interface(&self) -> Option<CallInterface> {
        match self.contract.next_interface() {
            Some(interface) => Some(CallInterface::Messages(interface)),
            None => self.contract.service_import().map(|_| CallInterface::Http),
        }
    }

    /// Returns the import of this interface.
    pub(super) fn import(&self, call_interface: CallInterface) -> Option<&Interface> {
        match call_interface {
            CallInterface::Messages(interface) => self.contract.import(interface.name()),
            CallInterface::Http => self.contract.service_import(),
        }
    }

    /// Returns the export of this interface.
    pub(super) fn export(&self, call_interface: CallInterface) -> Option<&Interface> {
        match call_interface {
            CallInterface::Messages(interface) => self.contract.export(interface.name()),
            CallInterface::Http => self.contract.service_export(),
        }
    }

    /// Returns whether the part handles requests, but no messages.
    pub(super) fn only_handles_requests(&self) -> bool {
        self.contract.message_interface().is_none() && self.contract.http_export().is_some()
    }
}

/// Reads the parts, and inserts the adapter where it is needed: between the parts that handle
/// messages and those that handle requests, or at the end.
pub(super) fn insert_adapter<'a>(
    parts: &[ChainPart<'a>],
    end: ChainEnd,
) -> Result<Vec<ChainLink<'a>>, ComposeError> {
    let mut links = Vec::with_capacity(parts.len() + 1);
    for part in parts {
        links.push(ChainLink::read(*part)?);
    }
    let border = links.iter().position(ChainLink::only_handles_requests);
    let border = border.unwrap_or(links.len());
    let before = border.checked_sub(1).map(|last| &links[last]);
    let adapter = match (before, links.get(border)) {
        // Only HTTP handlers: the result is a handler again, or a message handler.
        (None, Some(handler)) if end == ChainEnd::Adapter => Some(asynchronous(handler)?),
        (Some(last), Some(handler)) => match last.contract.next_interface() {
            Some(MessageInterface::Asynchronous) => Some(asynchronous(handler)?),
            Some(_) if handler.contract.service_export().is_none() => {
                return Err(old_http_handler(handler));
            }
            Some(MessageInterface::Synchronous | MessageInterface::Draft) => {
                return Err(ComposeError::BlockingCaller {
                    file: last.part.name.into(),
                    handler: handler.part.name.into(),
                });
            }
            None => None,
        },
        (Some(last), None) if end == ChainEnd::Adapter => {
            last.contract.next_interface().map(ChainPart::adapter)
        }
        _ => None,
    };
    if let Some(adapter) = adapter {
        links.insert(border, ChainLink::read(adapter)?);
    }
    Ok(links)
}

/// Returns the asynchronous adapter. Fails if the handler is not one of wasi:http 0.3.
fn asynchronous(handler: &ChainLink<'_>) -> Result<ChainPart<'static>, ComposeError> {
    match handler.contract.service_export() {
        Some(_) => Ok(ChainPart::adapter(MessageInterface::Asynchronous)),
        None => Err(old_http_handler(handler)),
    }
}

fn old_http_handler(handler: &ChainLink<'_>) -> ComposeError {
    ComposeError::OldHttpHandler {
        file: handler.part.name.into(),
    }
}
