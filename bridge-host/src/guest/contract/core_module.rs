//! Core modules that were given instead of a component: their kind, and how to build a
//! component instead.

use wasmparser::{Parser, Payload};

/// The prefix of the custom sections in which wit-bindgen records the interfaces of a module.
const NOTES: &str = "component-type";

/// The module that programs for WASI preview 1 import from.
const PREVIEW_1: &str = "wasi_snapshot_preview1";

/// The kind of a core module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    /// It records its interfaces, so that `componentize` can convert it to a component.
    WithInterfaces,
    /// It was compiled for WASI preview 1.
    Preview1,
    /// It does not record its interfaces.
    Plain,
}

impl ModuleKind {
    pub(super) fn of(module: &[u8]) -> Self {
        let (mut interfaces, mut preview_1) = (false, false);
        for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
            match payload {
                Payload::ImportSection(imports) => {
                    let mut imports = imports.into_imports().map_while(Result::ok);
                    preview_1 |= imports.any(|import| import.module == PREVIEW_1);
                }
                Payload::CustomSection(section) => interfaces |= section.name().starts_with(NOTES),
                _ => {}
            }
        }
        match (preview_1, interfaces) {
            (true, _) => Self::Preview1,
            (false, true) => Self::WithInterfaces,
            (false, false) => Self::Plain,
        }
    }

    pub(super) fn remedy(self, file: &str) -> String {
        match self {
            Self::WithInterfaces => format!(
                "convert it with `bridge-host componentize {file} -o component.wasm`, \
                 or build it for the target wasm32-wasip2"
            ),
            Self::Preview1 => "it was compiled for WASI preview 1 (wasm32-wasip1): build it for the \
                 target wasm32-wasip2"
                .into(),
            Self::Plain => "it does not record its interfaces, as wit-bindgen makes a module do: build it \
                 for the target wasm32-wasip2, from sources that use wit-bindgen or an SDK for components"
                .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    fn with_section(id: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("short");
        [EMPTY, &[id, length], content].concat()
    }

    #[test]
    fn componentize_is_advised_if_it_works() {
        let name = [&[NOTES.len() as u8], NOTES.as_bytes()].concat();
        // One import of a function of the type 0.
        let mut import = vec![1, PREVIEW_1.len() as u8];
        import.extend(PREVIEW_1.as_bytes());
        import.extend([1, b'f', 0, 0]);
        for (module, kind, advice) in [
            (EMPTY.to_vec(), ModuleKind::Plain, false),
            (with_section(0, &name), ModuleKind::WithInterfaces, true),
            (with_section(2, &import), ModuleKind::Preview1, false),
        ] {
            assert_eq!(ModuleKind::of(&module), kind);
            assert_eq!(
                kind.remedy("a.wasm").contains("bridge-host componentize"),
                advice
            );
        }
    }
}
