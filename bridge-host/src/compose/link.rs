//! What joins one part to the next: messages or HTTP requests. And where the
//! adapter comes in, which makes the one of the other.

use super::error::ComposeError;
use super::part::{Ending, Part};
use crate::guest::contract::{Contract, ContractError, Interface, MessageFace};

/// A part, and what is known of it.
pub(super) struct Link<'a> {
    pub(super) part: Part<'a>,
    pub(super) contract: Contract,
}

/// Through what a part calls the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// An incoming-handler.
    Messages(MessageFace),
    /// `wasi:http/handler`.
    Http,
}

impl Joint {
    /// Whether an interface of this name is it.
    pub(super) fn is(self, name: &str) -> bool {
        match self {
            Self::Messages(face) => name == face.interface(),
            Self::Http => name.starts_with("wasi:http/handler@0.3."),
        }
    }
}

impl<'a> Link<'a> {
    pub(super) fn read(part: Part<'a>) -> Result<Self, ContractError> {
        let contract = Contract::read(part.name, part.bytes)?;
        Ok(Self { part, contract })
    }

    /// Through what it calls the next one, if it does.
    pub(super) fn joint(&self) -> Option<Joint> {
        match self.contract.passes_to() {
            Some(face) => Some(Joint::Messages(face)),
            None => self.contract.asks().map(|_| Joint::Http),
        }
    }

    /// What it imports for that.
    pub(super) fn import(&self, joint: Joint) -> Option<&Interface> {
        match joint {
            Joint::Messages(face) => self.contract.import(face.interface()),
            Joint::Http => self.contract.asks(),
        }
    }

    /// What it exports to be called through it.
    pub(super) fn export(&self, joint: Joint) -> Option<&Interface> {
        match joint {
            Joint::Messages(face) => self.contract.export(face.interface()),
            Joint::Http => self.contract.service(),
        }
    }

    /// It takes requests and no messages.
    pub(super) fn only_answers(&self) -> bool {
        self.contract.face().is_none() && self.contract.http_handler().is_some()
    }
}

/// The parts with the adapter where it belongs: between those that take
/// messages and those that answer requests, or after them.
pub(super) fn with_adapter<'a>(
    parts: &[Part<'a>],
    ending: Ending,
) -> Result<Vec<Link<'a>>, ComposeError> {
    let mut links = Vec::with_capacity(parts.len() + 1);
    for part in parts {
        links.push(Link::read(*part)?);
    }
    let border = links.iter().position(Link::only_answers);
    let border = border.unwrap_or(links.len());
    let before = border.checked_sub(1).map(|last| &links[last]);
    let adapter = match (before, links.get(border)) {
        // Nothing but handlers: a handler again, or a consumer.
        (None, Some(handler)) if ending == Ending::Adapter => Some(asynchronous(handler)?),
        (Some(last), Some(handler)) => match last.contract.passes_to() {
            Some(MessageFace::Asynchronous) => Some(asynchronous(handler)?),
            Some(_) if handler.contract.service().is_none() => return Err(old(handler)),
            Some(MessageFace::Synchronous | MessageFace::Draft) => {
                return Err(ComposeError::Blocks {
                    file: last.part.name.into(),
                    handler: handler.part.name.into(),
                });
            }
            None => None,
        },
        (Some(last), None) if ending == Ending::Adapter => {
            last.contract.passes_to().map(Part::adapter)
        }
        _ => None,
    };
    if let Some(adapter) = adapter {
        links.insert(border, Link::read(adapter)?);
    }
    Ok(links)
}

/// The adapter that asks a handler: it is one of wasi:http 0.3, or has none.
fn asynchronous(handler: &Link<'_>) -> Result<Part<'static>, ComposeError> {
    match handler.contract.service() {
        Some(_) => Ok(Part::adapter(MessageFace::Asynchronous)),
        None => Err(old(handler)),
    }
}

fn old(handler: &Link<'_>) -> ComposeError {
    ComposeError::OldHandler {
        file: handler.part.name.into(),
    }
}
