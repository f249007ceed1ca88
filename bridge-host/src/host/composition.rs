//! From a subscription's files to the one component that handles its messages,
//! and the one that answers its requests.

use std::path::{Path, PathBuf};

use super::error::SubscriptionError;
use crate::compose::{ADAPTER, ComposeError, Part, compose, compose_open};
use crate::config::{self, Parts, Subscription};
use crate::guest::contract::{Contract, Handler, HttpFace, MessageFace, Model};

/// A component that handles messages.
pub struct Composed {
    /// The component.
    pub bytes: Vec<u8>,
    /// What it is.
    pub handler: Handler,
}

/// The component of a subscription: the adapter, a chain that ends in the
/// adapter where there is an endpoint, or a component as it is.
pub fn composition(subscription: &Subscription) -> Result<Composed, SubscriptionError> {
    let (bytes, contract) = match &subscription.parts {
        Parts::Adapter => return Ok(Composed::adapter()),
        Parts::Component(file) => read(file)?,
        Parts::Chain(files) => chain(files, subscription.endpoint.is_some())?,
    };
    let handler = contract.complete()?;
    Ok(Composed { bytes, handler })
}

impl Composed {
    fn adapter() -> Self {
        Self {
            bytes: ADAPTER.to_vec(),
            handler: Handler::ADAPTER,
        }
    }
}

/// A chain; with the adapter at its end, where it is `to_http`.
fn chain(files: &[PathBuf], to_http: bool) -> Result<(Vec<u8>, Contract), SubscriptionError> {
    let files: Vec<_> = files.iter().collect();
    joined(&files, |parts| {
        let mut parts = parts.to_vec();
        if to_http {
            let last = parts.last().map(|it| Contract::read(it.name, it.bytes));
            let face = last.transpose()?.and_then(|last| last.passes_to());
            parts.push(Part::adapter(face.unwrap_or(MessageFace::Synchronous)));
        }
        compose(&parts)
    })
}

/// What `compose` makes of these files.
fn joined(
    files: &[&PathBuf],
    compose: impl FnOnce(&[Part<'_>]) -> Result<Vec<u8>, ComposeError>,
) -> Result<(Vec<u8>, Contract), SubscriptionError> {
    let mut bytes = Vec::with_capacity(files.len());
    for file in files {
        bytes.push(load(file)?);
    }
    let names: Vec<_> = files.iter().map(|it| it.display().to_string()).collect();
    let parts = names.iter().zip(&bytes);
    let parts: Vec<_> = parts.map(|(name, bytes)| Part { name, bytes }).collect();
    let composed = compose(&parts)?;
    let contract = Contract::read(&names.join(" + "), &composed)?;
    Ok((composed, contract))
}

/// The HTTP handler that is a subscription's endpoint, behind its middlewares;
/// how it answers and how it waits.
pub fn handler(handler: &config::Handler) -> Result<(Vec<u8>, (HttpFace, Model)), SubscriptionError> {
    let (mut bytes, mut contract) = read(&handler.file)?;
    let mut face = contract.answers()?;
    if !handler.through.is_empty() {
        let files = handler.through.iter().chain([&handler.file]);
        let files: Vec<_> = files.collect();
        (bytes, contract) = joined(&files, compose_open)?;
        face = contract.answers()?;
    }
    Ok((bytes, (face, contract.model())))
}

fn read(file: &Path) -> Result<(Vec<u8>, Contract), SubscriptionError> {
    let bytes = load(file)?;
    let contract = Contract::read(&file.display().to_string(), &bytes)?;
    Ok((bytes, contract))
}

fn load(file: &Path) -> Result<Vec<u8>, SubscriptionError> {
    std::fs::read(file).map_err(|source| SubscriptionError::Read {
        path: file.into(),
        source,
    })
}
