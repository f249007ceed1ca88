//! Finds the imports of a component that this host does not link, and explains each one.

use super::import_access::ImportAccess;
use super::interface::Interface;
use super::linked_interfaces::MissingImport;
use super::{Contract, ContractError};

impl Contract {
    /// Checks that the host provides all imports. An import of incoming-handler passes, since the
    /// next component of the chain provides it.
    pub fn check_imports(&self) -> Result<(), ContractError> {
        let missing: Vec<_> = self.missing_imports().collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(ContractError::Unlinked {
                file: self.file.clone(),
                missing,
            }),
        }
    }

    /// Returns the imports that the host does not provide.
    pub fn missing_imports(&self) -> impl Iterator<Item = MissingImport> {
        let unknown = self
            .imports
            .iter()
            .filter(|it| ImportAccess::of(it) == ImportAccess::Unknown);
        unknown.map(|import| MissingImport {
            import: import.name.clone(),
            meaning: meaning(import),
        })
    }
}

fn meaning(import: &Interface) -> &'static str {
    let (path, version) = import.name.split_once('@').unwrap_or((&import.name, ""));
    let package = path.split('/').next().unwrap_or_default();
    match package {
        "wasi:keyvalue" => {
            "bridge-host has no key-value store; keep the state behind an HTTP endpoint, and list its host in `allow`"
        }
        "wasi:blobstore" => {
            "bridge-host has no blob store; use one over HTTP, and list its host in `allow`"
        }
        "wasi:config" => "bridge-host provides wasi:config/store@0.2.0-rc.1 and @0.2.0-draft",
        "wasi:logging" => {
            "bridge-host provides wasi:logging/logging, without a version or @0.1.0-draft"
        }
        "wasi:messaging" => "bridge-host provides wasi:messaging@0.2.0-draft",
        _ if package.contains("spin") => {
            "only Spin provides this interface; build the component without it"
        }
        _ if package.starts_with("wasmcloud:") => {
            "only wasmCloud provides this interface; build the component without it"
        }
        _ if package.starts_with("wasi:") && version.contains('-') => {
            "a draft or release candidate; bridge-host provides the releases 0.2 and 0.3 of wasi: \
             build the component again with current tools"
        }
        _ if package.starts_with("wasi:") => "bridge-host does not provide this interface of wasi",
        _ => {
            "bridge-host does not provide it; compose the component with one that exports it, \
             as with `wac plug`"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::contract::{Function, TypeDefinition};

    fn importing(name: &str, types: &[&str]) -> Contract {
        let definition = |it: &&str| TypeDefinition {
            name: "a".into(),
            definition: (*it).into(),
        };
        let function = Function {
            name: "f".into(),
            is_async: false,
            params: Vec::new(),
            result: None,
        };
        Contract {
            file: "a.wasm".into(),
            imports: vec![Interface {
                name: name.into(),
                functions: types.is_empty().then_some(function).into_iter().collect(),
                types: types.iter().map(definition).collect(),
            }],
            exports: Vec::new(),
            has_inner_handler: false,
        }
    }

    #[test]
    fn a_missing_import_is_named_and_explained() {
        for (name, meaning) in [
            ("wasi:keyvalue/store@0.2.0-draft", "no key-value store"),
            ("wasi:blobstore/blobstore", "no blob store"),
            ("fermyon:spin/sqlite@2.0.0", "only Spin"),
            ("spin:postgres/postgres@3.0.0", "only Spin"),
            ("wasmcloud:bus/lattice@1.0.0", "only wasmCloud"),
            ("wasi:cli/environment@0.2.0-rc-2023-12-05", "current tools"),
            ("wasi:http/client@0.3.0-rc-2026-01-06", "current tools"),
            (
                "wasi:clocks/timezone@0.2.12",
                "does not provide this interface",
            ),
            ("wasi:http/handler@0.2.0", "does not provide this interface"),
            ("acme:shop/prices", "wac plug"),
        ] {
            let error = importing(name, &[])
                .check_imports()
                .unwrap_err()
                .to_string();
            assert!(error.contains(name) && error.contains(meaning), "{error}");
        }
    }

    #[test]
    fn an_interface_of_types_needs_no_implementation() {
        let name = "spin:postgres/types";
        assert_eq!(
            importing(name, &["record { a: u8 }"]).check_imports(),
            Ok(())
        );
        assert!(importing(name, &["resource"]).check_imports().is_err());
    }
}
