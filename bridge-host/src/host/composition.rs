//! Composes the files of a subscription: into the component that handles its messages,
//! and into the component that answers its requests. Compiling stays out.

use std::path::{Path, PathBuf};

use super::error::SubscriptionError;
use crate::compose::{
    ADAPTER, ChainPart, ComposeError, compose, compose_open, only_sends, to_endpoint, to_endpoints,
};
use crate::config::{self, Components, Subscription};
use crate::files;
use crate::guest::contract::{Contract, HttpHandlerProfile, MessageHandlerProfile};

/// A component that handles messages.
pub struct Composed {
    /// The bytes of the component.
    pub bytes: Vec<u8>,
    /// The interface by which it handles messages.
    pub handler: MessageHandlerProfile,
}

/// The settings that a subscription's component depends on: equal keys compose to equal
/// components.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct CompositionKey {
    components: Components,
    has_endpoint: bool,
    has_named_endpoints: bool,
}

impl CompositionKey {
    pub(super) fn of(subscription: &Subscription) -> Self {
        Self {
            components: subscription.components.clone(),
            has_endpoint: subscription.endpoint.is_some(),
            has_named_endpoints: !subscription.endpoints.is_empty(),
        }
    }
}

/// Returns the component of a subscription: the adapter alone, a chain, which ends in an
/// adapter if there is an endpoint, or a component unchanged. Messages that the component
/// publishes go to the named endpoints, if there are any.
pub fn composition(subscription: &Subscription) -> Result<Composed, SubscriptionError> {
    let (mut bytes, mut contract) = match &subscription.components {
        Components::Chain(files) if files.is_empty() => return Ok(Composed::adapter()),
        Components::Adapter => return Ok(Composed::adapter()),
        Components::Component(file) => read(file)?,
        Components::Chain(files) => chain(files, subscription.endpoint.is_some())?,
    };
    if !subscription.endpoints.is_empty() {
        (bytes, contract) = with_named_endpoints(subscription, contract, &bytes)?;
    }
    let handler = contract.complete_message_handler()?;
    check_imports(&contract, subscription.components.files())?;
    Ok(Composed { bytes, handler })
}

/// Checks that the host provides every import of a composition of these files. The error
/// names the file with the missing import.
fn check_imports<'a>(
    whole: &Contract,
    files: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<(), SubscriptionError> {
    let Some(missing) = whole.missing_imports().next() else {
        return Ok(());
    };
    for file in files {
        let (_, part) = read(file)?;
        if part.import(&missing.import).is_some() {
            part.check_imports()?;
        }
    }
    Ok(whole.check_imports()?)
}

/// Adds the adapter that posts what the component publishes to the named endpoints.
fn with_named_endpoints(
    subscription: &Subscription,
    contract: Contract,
    bytes: &[u8],
) -> Result<(Vec<u8>, Contract), SubscriptionError> {
    let name = contract.file;
    if posts_published_messages(subscription) {
        return Err(ComposeError::SendsToOne { file: name }.into());
    }
    let sent = to_endpoints(&ChainPart { name: &name, bytes })?;
    let contract = Contract::read(&name, &sent)?;
    Ok((sent, contract))
}

/// Returns whether the endpoint receives what the chain publishes, instead of what the
/// chain forwards. Returns `false` for a chain that cannot be read.
pub fn posts_published_messages(subscription: &Subscription) -> bool {
    let (Components::Chain(files), Some(_)) = (&subscription.components, &subscription.endpoint)
    else {
        return false;
    };
    let last = files.last().and_then(|file| load(file).ok());
    last.is_some_and(|bytes| {
        let part = ChainPart {
            name: "the last component of the chain",
            bytes: &bytes,
        };
        only_sends(&part).unwrap_or(false)
    })
}

impl Composed {
    fn adapter() -> Self {
        Self {
            bytes: ADAPTER.to_vec(),
            handler: MessageHandlerProfile::ADAPTER,
        }
    }
}

/// Composes a chain, with an adapter at its end if it is `to_http`.
fn chain(files: &[PathBuf], to_http: bool) -> Result<(Vec<u8>, Contract), SubscriptionError> {
    for file in files {
        read(file)?.1.check_chain_member()?;
    }
    let files: Vec<_> = files.iter().collect();
    match to_http {
        true => compose_files(&files, to_endpoint),
        false => compose_files(&files, compose),
    }
}

/// Reads these files and composes them with `compose`.
fn compose_files(
    files: &[&PathBuf],
    compose: impl FnOnce(&[ChainPart<'_>]) -> Result<Vec<u8>, ComposeError>,
) -> Result<(Vec<u8>, Contract), SubscriptionError> {
    let mut bytes = Vec::with_capacity(files.len());
    for file in files {
        bytes.push(load(file)?);
    }
    let names: Vec<_> = files.iter().map(|it| it.display().to_string()).collect();
    let parts = names.iter().zip(&bytes);
    let parts: Vec<_> = parts
        .map(|(name, bytes)| ChainPart { name, bytes })
        .collect();
    let composed = compose(&parts)?;
    let contract = Contract::read(&names.join(" + "), &composed)?;
    Ok((composed, contract))
}

/// Returns the HTTP handler that is a subscription's endpoint, composed with its
/// middlewares.
pub fn handler(
    handler: &config::Handler,
) -> Result<(Vec<u8>, HttpHandlerProfile), SubscriptionError> {
    let (mut bytes, mut contract) = read(&handler.file)?;
    contract.http_handler()?;
    let files: Vec<_> = handler.middleware.iter().chain([&handler.file]).collect();
    if !handler.middleware.is_empty() {
        for file in &handler.middleware {
            read(file)?.1.check_http_middleware()?;
        }
        (bytes, contract) = compose_files(&files, compose_open)?;
    }
    let answering = contract.http_handler()?;
    check_imports(&contract, files)?;
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
