//! Whether parts fit, before they are composed: each one's import beside the
//! next one's export, and what they share of the host beside each other.

use super::error::ComposeError;
use crate::guest::contract::{Contract, Difference, HANDLER, Interface, differences, standard};

/// Each part handles messages, in whatever shape, but not the newest draft's:
/// what is wrong with such a part is not that it does not fit.
pub(super) fn check_kinds(contracts: &[Contract]) -> Result<(), ComposeError> {
    for contract in contracts {
        if let Some(error) = contract.newest_draft() {
            return Err(error.into());
        }
        if contract.export(HANDLER).is_none() {
            contract.handler()?;
        }
    }
    Ok(())
}

/// Finds the first place where two parts do not fit, or else one that departs
/// from the published contract together with its neighbours.
pub(super) fn check_shapes(contracts: &[Contract]) -> Result<(), ComposeError> {
    for pair in contracts.windows(2) {
        check_neighbours(&pair[0], &pair[1])?;
    }
    for (index, other) in contracts.iter().enumerate() {
        for one in &contracts[..index] {
            check_shared(one, other)?;
        }
    }
    for contract in contracts {
        contract.handler()?;
    }
    Ok(())
}

fn check_neighbours(caller: &Contract, callee: &Contract) -> Result<(), ComposeError> {
    let (Some(import), Some(export)) = (caller.import(HANDLER), callee.export(HANDLER)) else {
        return Ok(());
    };
    let differences = differences(import, export, false);
    if differences.is_empty() {
        return Ok(());
    }
    let departs = [(caller, import, false), (callee, export, true)];
    Err(ComposeError::Misfit {
        caller: caller.file.clone(),
        callee: callee.file.clone(),
        differences,
        departs: departing(departs),
    })
}

/// The host offers an interface once: parts may use other functions of it,
/// and must see the same in those that both use.
fn check_shared(one: &Contract, other: &Contract) -> Result<(), ComposeError> {
    for import in one.imports.iter().filter(|import| import.name != HANDLER) {
        let Some(same) = other.import(&import.name) else {
            continue;
        };
        let mut differences = differences(import, same, false);
        differences.retain(|difference| !matches!(difference, Difference::Unknown { .. }));
        if !differences.is_empty() {
            let departs = [(one, import, false), (other, same, false)];
            return Err(ComposeError::Shared {
                one: one.file.clone(),
                other: other.file.clone(),
                interface: import.name.clone(),
                differences,
                departs: departing(departs),
            });
        }
    }
    Ok(())
}

/// The files of those whose interface is not the published one.
fn departing(sides: [(&Contract, &Interface, bool); 2]) -> Box<[String]> {
    let departs = |(contract, interface, whole): (&Contract, &Interface, bool)| {
        let wanted = standard(&interface.name)?;
        (!differences(interface, wanted, whole).is_empty()).then(|| contract.file.clone())
    };
    sides.into_iter().filter_map(departs).collect()
}
