//! A core module made into a component, as its own notes say: wit-bindgen
//! leaves in it which interfaces it was compiled for.

use wasmparser::{Encoding, Parser, Payload};
use wit_component::ComponentEncoder;

/// What the sections are called in which wit-bindgen leaves its notes.
const NOTES: &str = "component-type";

/// Why a module is no component yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Not even a module.
    #[error(
        "{file} is not a WebAssembly module: {reason}; name the .wasm file that the compiler left, \
         for Rust target/wasm32-unknown-unknown/release/NAME.wasm"
    )]
    NoModule {
        /// The file.
        file: String,
        /// The parser's word for it.
        reason: String,
    },
    /// Nothing is left to be done.
    #[error("{file} is a component already; use it as it is")]
    Component {
        /// The file.
        file: String,
    },
    /// The compiler knew of no interfaces.
    #[error(
        "{file} does not tell its interfaces: it has no section `component-type`, which wit-bindgen \
         leaves in what it was used for; generate the bindings with wit_bindgen::generate! and \
         `export!` your type, and build a library with crate-type = [\"cdylib\"]"
    )]
    NoInterfaces {
        /// The file.
        file: String,
    },
    /// The encoder refuses it.
    #[error(
        "{file} cannot be made a component: {reason}; build it for the target wasm32-unknown-unknown"
    )]
    Refused {
        /// The file.
        file: String,
        /// The encoder's word for it.
        reason: String,
    },
}

/// The component made of a module; `file` names it in errors.
pub fn encode(file: &str, module: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let name = || file.to_owned();
    if !has_notes(file, module)? {
        return Err(EncodeError::NoInterfaces { file: name() });
    }
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| EncodeError::Refused {
            file: name(),
            reason: format!("{error:#}"),
        })
}

/// Whether there are notes in what must be a module.
fn has_notes(file: &str, module: &[u8]) -> Result<bool, EncodeError> {
    let no_module = |reason: &str| EncodeError::NoModule {
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
            } => return Err(EncodeError::Component { file: file.into() }),
            Payload::CustomSection(section) => found |= section.name().starts_with(NOTES),
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_module_with_interfaces_is_told_apart() {
        let told = |bytes: &[u8]| encode("a.wasm", bytes).unwrap_err().to_string();
        assert!(told(b"").starts_with("a.wasm is not a WebAssembly module"));
        let source = told(b"fn main() {}");
        assert!(
            source.contains("does not begin with `\\0asm`; name the .wasm file"),
            "{source}"
        );
        assert!(told(b"\0asm\x01\0\0\0\x01").contains("unexpected end"));
        assert!(told(b"\0asm\x01\0\0\0").contains("does not tell its interfaces"));
        assert_eq!(
            told(super::super::ADAPTER),
            "a.wasm is a component already; use it as it is"
        );
    }
}
