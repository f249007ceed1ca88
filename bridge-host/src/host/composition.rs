//! From a subscription's files to the one component that handles its messages,
//! and the one that answers its requests.

use std::path::Path;

use super::error::SubscriptionError;
use crate::compose::{ADAPTER, Part, compose};
use crate::config::{Handler, Parts, Subscription};
use crate::guest::contract::Contract;

/// The component of a subscription: the adapter, a chain that ends in the
/// adapter where there is an endpoint, or a component as it is.
pub fn composition(subscription: &Subscription) -> Result<Vec<u8>, SubscriptionError> {
    match &subscription.parts {
        Parts::Adapter => Ok(ADAPTER.to_vec()),
        Parts::Component(file) => {
            let bytes = read(file)?;
            Contract::read(&file.display().to_string(), &bytes)?.complete()?;
            Ok(bytes)
        }
        Parts::Chain(files) => {
            let bytes = files
                .iter()
                .map(|file| read(file))
                .collect::<Result<Vec<_>, _>>()?;
            let names: Vec<_> = files
                .iter()
                .map(|file| file.display().to_string())
                .collect();
            let parts = names
                .iter()
                .zip(&bytes)
                .map(|(name, bytes)| Part { name, bytes });
            let end = subscription.endpoint.as_ref().map(|_| Part::ADAPTER);
            Ok(compose(&parts.chain(end).collect::<Vec<_>>())?)
        }
    }
}

/// The HTTP handler that is a subscription's endpoint.
pub fn handler(handler: &Handler) -> Result<Vec<u8>, SubscriptionError> {
    let bytes = read(&handler.file)?;
    Contract::read(&handler.file.display().to_string(), &bytes)?.answers()?;
    Ok(bytes)
}

fn read(file: &Path) -> Result<Vec<u8>, SubscriptionError> {
    std::fs::read(file).map_err(|source| SubscriptionError::Read {
        path: file.into(),
        source,
    })
}
