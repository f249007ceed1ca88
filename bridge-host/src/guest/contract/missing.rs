//! Whether a component can start here: which of its imports this host does not
//! link, and what that means.

use super::interface::Interface;
use super::linked::Missing;
use super::reach::Reach;
use super::{Contract, ContractError};

impl Contract {
    /// Whether the host has all that the component imports. The component that
    /// follows it in a chain is not the host's matter.
    pub fn startable(&self) -> Result<(), ContractError> {
        let missing: Vec<_> = self.missing().collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(ContractError::Unlinked {
                file: self.file.clone(),
                missing,
            }),
        }
    }

    /// The imports that the host does not have.
    pub fn missing(&self) -> impl Iterator<Item = Missing> {
        let unknown = self
            .imports
            .iter()
            .filter(|it| Reach::of(it) == Reach::Unknown);
        unknown.map(|import| Missing {
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
            "bridge-host has no key-value store; keep the state behind an HTTP endpoint that `allow` lists"
        }
        "wasi:blobstore" => {
            "bridge-host has no blob store; reach one over HTTP, at a host that `allow` lists"
        }
        "wasi:config" => "the settings are wasi:config/store@0.2.0-rc.1, or @0.2.0-draft",
        "wasi:logging" => "the log is wasi:logging/logging, without a version or @0.1.0-draft",
        "wasi:messaging" => "bridge-host has wasi:messaging@0.2.0-draft",
        _ if package.contains("spin") => {
            "an interface of Spin's own, which Spin alone has; build the component without it"
        }
        _ if package.starts_with("wasmcloud:") => {
            "an interface of wasmCloud's own, which wasmCloud alone has; build the component without it"
        }
        _ if package.starts_with("wasi:") && version.contains('-') => {
            "a draft or release candidate; bridge-host has the releases 0.2 and 0.3 of wasi: \
             build the component again with current tools"
        }
        _ if package.starts_with("wasi:") => "bridge-host does not have this interface of wasi",
        _ => {
            "bridge-host does not have it; compose the component with one that exports it, \
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
            ("fermyon:spin/sqlite@2.0.0", "Spin alone"),
            ("spin:postgres/postgres@3.0.0", "Spin alone"),
            ("wasmcloud:bus/lattice@1.0.0", "wasmCloud alone"),
            ("wasi:cli/environment@0.2.0-rc-2023-12-05", "current tools"),
            ("wasi:http/client@0.3.0-rc-2026-01-06", "current tools"),
            (
                "wasi:clocks/timezone@0.2.12",
                "does not have this interface",
            ),
            ("wasi:http/handler@0.2.0", "does not have this interface"),
            ("acme:shop/prices", "wac plug"),
        ] {
            let error = importing(name, &[]).startable().unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(meaning), "{error}");
        }
    }

    #[test]
    fn types_alone_need_nothing_behind_them() {
        let name = "spin:postgres/types";
        assert_eq!(importing(name, &["record { a: u8 }"]).startable(), Ok(()));
        assert!(importing(name, &["resource"]).startable().is_err());
    }
}
