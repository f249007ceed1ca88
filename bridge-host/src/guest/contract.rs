//! The contract of a component: its interfaces, read from its bytes without compiling it, and
//! whether they match wasi:messaging and wasi:http. Running a component stays out.

mod call_model;
mod compare;
mod core_module;
mod error;
mod http_interface;
mod import_access;
mod inner_handler;
mod interface;
mod linked_interfaces;
mod message_interface;
mod missing_imports;
mod revision;
mod revision_check;
mod standard;
mod type_text;

pub use call_model::CallModel;
pub use compare::{Difference, differences};
pub use core_module::ModuleKind;
pub use error::{ContractError, Direction, Mismatch};
pub use http_interface::{HttpHandlerProfile, HttpInterface};
pub use import_access::ImportAccess;
pub use interface::{Function, Interface, TypeDefinition};
pub use linked_interfaces::MissingImport;
pub(super) use linked_interfaces::{LOGGING, SETTINGS};
#[cfg(test)]
pub(super) use linked_interfaces::{WASI_0_2, WASI_0_3};
pub use message_interface::{MessageHandlerProfile, MessageInterface};
pub use revision::MessagingRevision;
pub use standard::{ASYNC_HANDLER, HANDLER, PRODUCER, REQUEST_REPLY, TYPES, standard};

use wit_parser::decoding::{DecodedWasm, decode};

/// The interfaces of a component, and what follows from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The file that the component was read from, for errors.
    pub file: String,
    /// The imported interfaces, in the component's order.
    pub imports: Vec<Interface>,
    /// The exported interfaces, in the component's order.
    pub exports: Vec<Interface>,
    /// Whether the composition contains an HTTP handler, so that a request may not reach the host.
    pub has_inner_handler: bool,
}

impl Contract {
    /// Reads the interfaces of the component in `bytes`. Errors name `file`.
    ///
    /// ```
    /// use bridge_host::compose::ADAPTER;
    /// use bridge_host::guest::contract::{Contract, ContractError, HANDLER};
    ///
    /// let contract = Contract::read("adapter.wasm", ADAPTER)?;
    /// assert!(contract.export(HANDLER).is_some());
    /// assert!(contract.message_handler()?.sends_requests);
    /// # Ok::<(), ContractError>(())
    /// ```
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
                // Only compositions with the asynchronous adapter can contain an HTTP handler.
                let is_asynchronous = exports.iter().any(|it| it.name == ASYNC_HANDLER);
                Ok(Self {
                    file: file.into(),
                    imports: interface::all(&resolve, &world.imports),
                    exports,
                    has_inner_handler: is_asynchronous && inner_handler::has_http_handler(bytes),
                })
            }
        }
    }

    /// Checks the first eight bytes, which tell a component from a core module and from other
    /// files.
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

    /// Returns all interfaces, each with its direction.
    pub fn all(&self) -> impl Iterator<Item = (Direction, &Interface)> {
        let imports = self.imports.iter().map(|i| (Direction::Import, i));
        imports.chain(self.exports.iter().map(|i| (Direction::Export, i)))
    }

    /// Returns the import with this full name.
    pub fn import(&self, name: &str) -> Option<&Interface> {
        self.imports.iter().find(|interface| interface.name == name)
    }

    /// Returns the export with this full name.
    pub fn export(&self, name: &str) -> Option<&Interface> {
        self.exports.iter().find(|interface| interface.name == name)
    }
}
