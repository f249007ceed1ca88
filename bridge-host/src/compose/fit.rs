//! Whether parts fit, before they are composed: each one's import beside the
//! next one's export, and what they share of the host beside each other.

use super::error::ComposeError;
use super::link::{Joint, Link};
use super::shapes::check_shapes;
use crate::guest::contract::{
    ASYNC_HANDLER, Contract, Difference, HANDLER, Interface, Shape, differences, standard,
};

/// Finds what is no part of a chain, else the first place where two parts do
/// not fit, else one that departs from the published contract together with its
/// neighbours.
pub(super) fn check(links: &[Link<'_>]) -> Result<(), ComposeError> {
    for link in links {
        check_kind(&link.contract)?;
    }
    check_shapes(links)?;
    for pair in links.windows(2) {
        check_neighbours(&pair[0], &pair[1])?;
    }
    for (index, other) in links.iter().enumerate() {
        for one in &links[..index] {
            check_shared(&one.contract, &other.contract)?;
        }
    }
    for link in links {
        if link.contract.face().is_some() {
            link.contract.handler()?;
        }
    }
    Ok(())
}

/// A part handles messages, in whatever shape, or answers requests: what is wrong
/// with any other is not that it does not fit.
fn check_kind(contract: &Contract) -> Result<(), ComposeError> {
    if let Some(error) = contract.mixed() {
        return Err(error.into());
    }
    if contract.face().is_none() && contract.http_handler().is_none() {
        contract.handler()?;
    }
    Ok(())
}

fn check_neighbours(caller: &Link<'_>, callee: &Link<'_>) -> Result<(), ComposeError> {
    let Some((joint, import)) = caller.joint().and_then(|it| Some((it, caller.import(it)?))) else {
        return Ok(());
    };
    let Some(export) = callee.export(joint) else {
        if joint == Joint::Http && callee.contract.http_handler().is_some() {
            return Err(ComposeError::OldBehind {
                middleware: caller.part.name.into(),
                file: callee.part.name.into(),
            });
        }
        return Err(ComposeError::NotTaken {
            caller: caller.part.name.into(),
            import: import.name.clone(),
            callee: callee.part.name.into(),
            exports: callee
                .contract
                .exports
                .iter()
                .map(|it| it.name.clone())
                .collect(),
        });
    };
    let differences = differences(import, export, false);
    // Versions of wasi:http add to each other, and what fits wac judges.
    if differences.is_empty() || joint == Joint::Http {
        return Ok(());
    }
    let departs = [
        (&caller.contract, import, false),
        (&callee.contract, export, true),
    ];
    Err(ComposeError::Misfit {
        caller: caller.part.name.into(),
        callee: callee.part.name.into(),
        interface: import.name.clone(),
        differences,
        departs: departing(departs),
    })
}

/// The host offers an interface once: parts may use other functions of it,
/// and must see the same in those that both use.
fn check_shared(one: &Contract, other: &Contract) -> Result<(), ComposeError> {
    let between = [HANDLER, ASYNC_HANDLER];
    let imports = one.imports.iter();
    for import in imports.filter(|import| !between.contains(&import.name.as_str())) {
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
        if contract.shape() == Some(Shape::Draft) {
            return None;
        }
        let wanted = standard(&interface.name)?;
        (!differences(interface, wanted, whole).is_empty()).then(|| contract.file.clone())
    };
    sides.into_iter().filter_map(departs).collect()
}
