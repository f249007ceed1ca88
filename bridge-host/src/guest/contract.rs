//! Which shape a component has, read from its bytes without compiling it:
//! its interfaces as text, and whether they are the contract's. What it does
//! with them stays out.

mod compare;
mod error;
mod http;
mod inner;
mod interface;
mod linked;
mod messages;
mod missing;
mod mixed;
mod model;
mod module;
mod reach;
mod shape;
mod standard;
mod text;

pub use compare::{Difference, differences};
pub use error::{ContractError, Direction, Fault};
pub use http::{Answering, HttpFace};
pub use interface::{Function, Interface, TypeDefinition};
pub use linked::Missing;
pub(super) use linked::{LOGGING, SETTINGS};
#[cfg(test)]
pub(super) use linked::{WASI_0_2, WASI_0_3};
pub use messages::{Handler, MessageFace};
pub use model::Model;
pub use module::ModuleKind;
pub use reach::Reach;
pub use shape::Shape;
pub use standard::{ASYNC_HANDLER, HANDLER, PRODUCER, REQUEST_REPLY, TYPES, standard};

use wit_parser::decoding::{DecodedWasm, decode};

/// A component's interfaces, and what follows from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The file it came from, for errors.
    pub file: String,
    /// In the component's order.
    pub imports: Vec<Interface>,
    /// In the component's order.
    pub exports: Vec<Interface>,
    /// An HTTP handler is part of it, so that its requests may stay within.
    pub has_inner_handler: bool,
}

impl Contract {
    /// Reads the interfaces of the component in `bytes`; `file` names it in errors.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, ContractError> {
        Self::check_kind(file, bytes)?;
        let decoded = decode(bytes).map_err(|error| ContractError::Unreadable {
            file: file.into(),
            reason: format!("{error:#}"),
        })?;
        match decoded {
            DecodedWasm::WitPackage(..) => Err(ContractError::WitPackage { file: file.into() }),
            DecodedWasm::Component(resolve, world) => {
                let world = &resolve.worlds[world];
                let exports = interface::all(&resolve, &world.exports);
                // Nothing else is made into one with the asynchronous adapter.
                let is_asynchronous = exports.iter().any(|it| it.name == ASYNC_HANDLER);
                Ok(Self {
                    file: file.into(),
                    imports: interface::all(&resolve, &world.imports),
                    exports,
                    has_inner_handler: is_asynchronous && inner::has_http_handler(bytes),
                })
            }
        }
    }

    /// Tells a component from what else lies about in `.wasm` files: the
    /// eight bytes in front say which it is.
    fn check_kind(file: &str, bytes: &[u8]) -> Result<(), ContractError> {
        let file = || file.to_owned();
        match bytes {
            [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
            [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => {
                let kind = ModuleKind::of(bytes);
                Err(ContractError::CoreModule { file: file(), kind })
            }
            [] => Err(ContractError::Empty { file: file() }),
            _ => Err(ContractError::NotWasm { file: file() }),
        }
    }

    /// All interfaces, and on which side they are.
    pub fn all(&self) -> impl Iterator<Item = (Direction, &Interface)> {
        let imports = self.imports.iter().map(|i| (Direction::Import, i));
        imports.chain(self.exports.iter().map(|i| (Direction::Export, i)))
    }

    /// The import of that full name.
    pub fn import(&self, name: &str) -> Option<&Interface> {
        self.imports.iter().find(|interface| interface.name == name)
    }

    /// The export of that full name.
    pub fn export(&self, name: &str) -> Option<&Interface> {
        self.exports.iter().find(|interface| interface.name == name)
    }
}
