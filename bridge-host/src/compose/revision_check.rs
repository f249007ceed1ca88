//! Checks that all parts use the same revision of wasi:messaging. Both revisions have the same name
//! and version, so wac and wasmtime would report a difference that readers cannot interpret.

use super::chain_link::ChainLink;
use super::error::ComposeError;
use crate::guest::contract::{Contract, HANDLER, MessagingRevision, PRODUCER, TYPES, differences};

/// Finds two parts of different revisions. Parts that do not use wasi:messaging match any.
pub(super) fn check_revisions(links: &[ChainLink<'_>]) -> Result<(), ComposeError> {
    let of = |shape| {
        let mut contracts = links.iter().map(|link| &link.contract);
        contracts.find(move |contract| contract.revision() == Some(shape))
    };
    match (
        of(MessagingRevision::Draft),
        of(MessagingRevision::Published),
    ) {
        (Some(draft), Some(published)) => Err(mixed_error(draft, published)),
        _ => Ok(()),
    }
}

/// Builds the error, with the first interface that differs.
fn mixed_error(draft: &Contract, published: &Contract) -> ComposeError {
    let side = |contract: &'_ Contract, name| {
        let found = contract.import(name).or_else(|| contract.export(name));
        found.cloned()
    };
    let between = |name| {
        let (one, other) = (side(draft, name)?, side(published, name)?);
        let differences = differences(&one, &other, false);
        (!differences.is_empty()).then_some((one.name, differences))
    };
    let found = [HANDLER, PRODUCER, TYPES].into_iter().find_map(between);
    let (interface, differences) = found.unwrap_or_else(|| (TYPES.into(), Vec::new()));
    ComposeError::MixedRevisions {
        draft: draft.file.clone(),
        published: published.file.clone(),
        interface,
        differences,
    }
}
