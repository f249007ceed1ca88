//! Whether all parts have one shape of wasi:messaging. There are two of one name
//! and version, and neither the composer nor the engine would tell them apart
//! in words.

use super::error::ComposeError;
use super::link::Link;
use crate::guest::contract::{Contract, HANDLER, PRODUCER, Shape, TYPES, differences};

/// Finds the first two parts of different shapes. Parts that have nothing of
/// wasi:messaging go with any.
pub(super) fn check_shapes(links: &[Link<'_>]) -> Result<(), ComposeError> {
    let of = |shape| {
        let mut contracts = links.iter().map(|link| &link.contract);
        contracts.find(move |contract| contract.shape() == Some(shape))
    };
    match (of(Shape::Draft), of(Shape::Published)) {
        (Some(draft), Some(published)) => Err(apart(draft, published)),
        _ => Ok(()),
    }
}

/// The error, with the first interface in which the two differ.
fn apart(draft: &Contract, published: &Contract) -> ComposeError {
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
    ComposeError::Shapes {
        draft: draft.file.clone(),
        published: published.file.clone(),
        interface,
        differences,
    }
}
