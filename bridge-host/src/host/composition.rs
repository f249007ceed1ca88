//! From a subscription's files to the one component that handles its messages,
//! and the one that answers its requests.

use std::path::Path;

use super::error::SubscriptionError;
use crate::compose::{ADAPTER, ComposeError, Part, compose, sends_only, to_endpoint, to_endpoints};
use crate::config::{Handler, Parts, Subscription};
use crate::guest::contract::Contract;

/// The component of a subscription: the adapter, a chain that ends in an
/// adapter where there is an endpoint, or a component as it is; and what it
/// sends, to the endpoints that have names.
pub fn composition(subscription: &Subscription) -> Result<Vec<u8>, SubscriptionError> {
    let bytes = whole(subscription)?;
    let files = subscription.parts.files();
    match files.last() {
        Some(last) if !subscription.endpoints.is_empty() => {
            if posts_what_it_sends(subscription) {
                let file = last.display().to_string();
                return Err(ComposeError::SendsToOne { file }.into());
            }
            let name = last.display().to_string();
            let bytes = &bytes;
            Ok(to_endpoints(&Part { name: &name, bytes })?)
        }
        _ => Ok(bytes),
    }
}

/// Whether the one endpoint gets what the chain sends, rather than what it
/// passes on. A chain that cannot be read posts nothing.
pub fn posts_what_it_sends(subscription: &Subscription) -> bool {
    let (Parts::Chain(files), Some(_)) = (&subscription.parts, &subscription.endpoint) else {
        return false;
    };
    let last = files.last().and_then(|file| std::fs::read(file).ok());
    last.is_some_and(|bytes| {
        let part = Part {
            name: "the last of the chain",
            bytes: &bytes,
        };
        sends_only(&part).unwrap_or(false)
    })
}

fn whole(subscription: &Subscription) -> Result<Vec<u8>, SubscriptionError> {
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
                .map(|(name, bytes)| Part { name, bytes })
                .collect::<Vec<_>>();
            Ok(match &subscription.endpoint {
                Some(_) if parts.is_empty() => ADAPTER.to_vec(),
                Some(_) => to_endpoint(&parts)?,
                None => compose(&parts)?,
            })
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
