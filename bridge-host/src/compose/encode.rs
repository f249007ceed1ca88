//! Converts a core module to a component. wit-bindgen records in a module which interfaces it was
//! compiled for.

use wasmparser::{Encoding, Parser, Payload};
use wit_component::ComponentEncoder;

/// The prefix of the custom sections in which wit-bindgen records the interfaces of a module.
const SECTION_PREFIX: &str = "component-type";

/// Why a module cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The file is not a module.
    #[error(
        "{file} is not a WebAssembly module: {reason}; name the .wasm file that the compiler wrote, \
         for Rust target/wasm32-unknown-unknown/release/NAME.wasm"
    )]
    NotAModule {
        /// The file.
        file: String,
        /// The parser's error.
        reason: String,
    },
    /// The file is a component already.
    #[error("{file} is already a component; use it as it is")]
    AlreadyComponent {
        /// The file.
        file: String,
    },
    /// The module does not record its interfaces.
    #[error(
        "{file} does not record its interfaces: it has no section `component-type`, which wit-bindgen \
         writes; generate the bindings with wit_bindgen::generate!, `export!` your type, and build \
         a library with crate-type = [\"cdylib\"]"
    )]
    NoInterfaces {
        /// The file.
        file: String,
    },
    /// The encoder rejects the module.
    #[error(
        "{file} cannot be converted to a component: {reason}; build it for the target wasm32-unknown-unknown"
    )]
    Rejected {
        /// The file.
        file: String,
        /// The encoder's error.
        reason: String,
    },
}

/// Converts a module to a component. Errors name `file`.
pub fn encode(file: &str, module: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let name = || file.to_owned();
    if !records_interfaces(file, module)? {
        return Err(EncodeError::NoInterfaces { file: name() });
    }
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| EncodeError::Rejected {
            file: name(),
            reason: format!("{error:#}"),
        })
}

/// Returns whether the module records its interfaces. Fails for a file that is not a module.
fn records_interfaces(file: &str, module: &[u8]) -> Result<bool, EncodeError> {
    let no_module = |reason: &str| EncodeError::NotAModule {
        file: file.into(),
        reason: reason.into(),
    };
    if !module.starts_with(b"\0asm") {
        return Err(no_module("it does not begin with `\\0asm`"));
    }
    let mut found = false;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| no_module(error.message()))?;
        match payload {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => return Err(EncodeError::AlreadyComponent { file: file.into() }),
            Payload::CustomSection(section) => found |= section.name().starts_with(SECTION_PREFIX),
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_converted_are_named() {
        let error_of = |bytes: &[u8]| encode("a.wasm", bytes).unwrap_err().to_string();
        assert!(error_of(b"").starts_with("a.wasm is not a WebAssembly module"));
        let source = error_of(b"fn main() {}");
        assert!(
            source.contains("does not begin with `\\0asm`; name the .wasm file"),
            "{source}"
        );
        assert!(error_of(b"\0asm\x01\0\0\0\x01").contains("unexpected end"));
        assert!(error_of(b"\0asm\x01\0\0\0").contains("does not record its interfaces"));
        assert_eq!(
            error_of(super::super::ADAPTER),
            "a.wasm is already a component; use it as it is"
        );
    }
}
