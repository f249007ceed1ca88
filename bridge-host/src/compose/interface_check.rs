//! Checks that the parts match before they are composed: each part's import against the next one's
//! export, and the imports that parts share.

use super::chain_link::{CallInterface, ChainLink};
use super::error::ComposeError;
use super::revision_check::check_revisions;
use crate::guest::contract::{
    ASYNC_HANDLER, Contract, Difference, HANDLER, Interface, MessagingRevision, differences,
    standard,
};

/// Returns the first error of the parts: one that is not a part of a chain; two that do not match;
/// or one that matches its neighbours, but not the published contract.
pub(super) fn check(links: &[ChainLink<'_>]) -> Result<(), ComposeError> {
    for link in links {
        check_kind(&link.contract)?;
    }
    check_revisions(links)?;
    for pair in links.windows(2) {
        check_neighbours(&pair[0], &pair[1])?;
    }
    for (index, other) in links.iter().enumerate() {
        for one in &links[..index] {
            check_shared(&one.contract, &other.contract)?;
        }
    }
    for link in links {
        if link.contract.message_interface().is_some() {
            link.contract.message_handler()?;
        }
    }
    Ok(())
}

/// Checks that a part handles messages or answers requests. For any other component, an error about
/// mismatched interfaces would be misleading.
fn check_kind(contract: &Contract) -> Result<(), ComposeError> {
    if let Some(error) = contract.mixed_revisions() {
        return Err(error.into());
    }
    if contract.message_interface().is_none() && contract.http_export().is_none() {
        contract.message_handler()?;
    }
    Ok(())
}

fn check_neighbours(caller: &ChainLink<'_>, callee: &ChainLink<'_>) -> Result<(), ComposeError> {
    let Some((call_interface, import)) = caller
        .call_interface()
        .and_then(|it| Some((it, caller.import(it)?)))
    else {
        return Ok(());
    };
    let Some(export) = callee.export(call_interface) else {
        if call_interface == CallInterface::Http && callee.contract.http_export().is_some() {
            return Err(ComposeError::OldHandlerAfterMiddleware {
                middleware: caller.part.name.into(),
                file: callee.part.name.into(),
            });
        }
        return Err(ComposeError::MissingExport {
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
    // Versions of wasi:http are compatible with each other; wac checks them.
    if differences.is_empty() || call_interface == CallInterface::Http {
        return Ok(());
    }
    let differing = [
        (&caller.contract, import, false),
        (&callee.contract, export, true),
    ];
    Err(ComposeError::InterfaceMismatch {
        caller: caller.part.name.into(),
        callee: callee.part.name.into(),
        interface: import.name.clone(),
        differences,
        differing: differing_files(differing),
    })
}

/// Checks the imports that two parts share. The host provides an interface once: parts may use
/// different functions of it, but must agree on those that both use.
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
            let differing = [(one, import, false), (other, same, false)];
            return Err(ComposeError::SharedImportMismatch {
                one: one.file.clone(),
                other: other.file.clone(),
                interface: import.name.clone(),
                differences,
                differing: differing_files(differing),
            });
        }
    }
    Ok(())
}

/// Returns the files of the parts whose interface differs from the published one.
fn differing_files(sides: [(&Contract, &Interface, bool); 2]) -> Box<[String]> {
    let differing = |(contract, interface, whole): (&Contract, &Interface, bool)| {
        if contract.revision() == Some(MessagingRevision::Draft) {
            return None;
        }
        let wanted = standard(&interface.name)?;
        (!differences(interface, wanted, whole).is_empty()).then(|| contract.file.clone())
    };
    sides.into_iter().filter_map(differing).collect()
}
