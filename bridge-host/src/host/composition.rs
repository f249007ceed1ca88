//! From a subscription's files to the one component that handles its messages,
//! and the one that answers its requests.

use std::path::{Path, PathBuf};

use super::error::SubscriptionError;
use crate::compose::{
    ADAPTER, ComposeError, Part, compose, compose_open, sends_only, to_endpoint, to_endpoints,
};
use crate::config::{self, Parts, Subscription};
use crate::files;
use crate::guest::contract::{Answering, Contract, Handler};

/// A component that handles messages.
pub struct Composed {
    /// The component.
    pub bytes: Vec<u8>,
    /// What it is.
    pub handler: Handler,
}

/// All that a subscription's component depends on: equal recipes make equal
/// components.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct MessageRecipe {
    parts: Parts,
    has_endpoint: bool,
    has_named_endpoints: bool,
}

impl MessageRecipe {
    pub(super) fn of(subscription: &Subscription) -> Self {
        Self {
            parts: subscription.parts.clone(),
            has_endpoint: subscription.endpoint.is_some(),
            has_named_endpoints: !subscription.endpoints.is_empty(),
        }
    }
}

/// The component of a subscription: the adapter, a chain that ends in an
/// adapter where there is an endpoint, or a component as it is; and what it
/// sends, to the endpoints that have names.
pub fn composition(subscription: &Subscription) -> Result<Composed, SubscriptionError> {
    let (mut bytes, mut contract) = match &subscription.parts {
        Parts::Chain(files) if files.is_empty() => return Ok(Composed::adapter()),
        Parts::Adapter => return Ok(Composed::adapter()),
        Parts::Component(file) => read(file)?,
        Parts::Chain(files) => chain(files, subscription.endpoint.is_some())?,
    };
    if !subscription.endpoints.is_empty() {
        (bytes, contract) = sent_to_endpoints(subscription, contract, &bytes)?;
    }
    let handler = contract.complete()?;
    startable(&contract, subscription.parts.files())?;
    Ok(Composed { bytes, handler })
}

/// Whether the host has all that a composition of these files imports. Where it
/// does not, the error names the file that imports it.
fn startable<'a>(
    whole: &Contract,
    files: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<(), SubscriptionError> {
    let Some(missing) = whole.missing().next() else {
        return Ok(());
    };
    for file in files {
        let (_, part) = read(file)?;
        if part.import(&missing.import).is_some() {
            part.startable()?;
        }
    }
    Ok(whole.startable()?)
}

fn sent_to_endpoints(
    subscription: &Subscription,
    contract: Contract,
    bytes: &[u8],
) -> Result<(Vec<u8>, Contract), SubscriptionError> {
    let name = contract.file;
    if posts_what_it_sends(subscription) {
        return Err(ComposeError::SendsToOne { file: name }.into());
    }
    let sent = to_endpoints(&Part { name: &name, bytes })?;
    let contract = Contract::read(&name, &sent)?;
    Ok((sent, contract))
}

/// Whether the one endpoint gets what the chain sends, rather than what it
/// passes on. A chain that cannot be read posts nothing.
pub fn posts_what_it_sends(subscription: &Subscription) -> bool {
    let (Parts::Chain(files), Some(_)) = (&subscription.parts, &subscription.endpoint) else {
        return false;
    };
    let last = files.last().and_then(|file| load(file).ok());
    last.is_some_and(|bytes| {
        let part = Part {
            name: "the last of the chain",
            bytes: &bytes,
        };
        sends_only(&part).unwrap_or(false)
    })
}

impl Composed {
    fn adapter() -> Self {
        Self {
            bytes: ADAPTER.to_vec(),
            handler: Handler::ADAPTER,
        }
    }
}

/// A chain; with an adapter, where it is `to_http`.
fn chain(files: &[PathBuf], to_http: bool) -> Result<(Vec<u8>, Contract), SubscriptionError> {
    for file in files {
        read(file)?.1.in_chain()?;
    }
    let files: Vec<_> = files.iter().collect();
    match to_http {
        true => joined(&files, to_endpoint),
        false => joined(&files, compose),
    }
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

/// The HTTP handler that is a subscription's endpoint, behind its middlewares.
pub fn handler(handler: &config::Handler) -> Result<(Vec<u8>, Answering), SubscriptionError> {
    let (mut bytes, mut contract) = read(&handler.file)?;
    contract.answering()?;
    let files: Vec<_> = handler.middleware.iter().chain([&handler.file]).collect();
    if !handler.middleware.is_empty() {
        for file in &handler.middleware {
            read(file)?.1.http_middleware()?;
        }
        (bytes, contract) = joined(&files, compose_open)?;
    }
    let answering = contract.answering()?;
    startable(&contract, files)?;
    Ok((bytes, answering))
}

fn read(file: &Path) -> Result<(Vec<u8>, Contract), SubscriptionError> {
    let bytes = load(file)?;
    let contract = Contract::read(&file.display().to_string(), &bytes)?;
    Ok((bytes, contract))
}

fn load(file: &Path) -> Result<Vec<u8>, SubscriptionError> {
    files::read(file, files::MAX_COMPONENT).map_err(|source| SubscriptionError::Read {
        path: file.into(),
        source,
    })
}
