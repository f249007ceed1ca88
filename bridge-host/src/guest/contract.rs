//! Which shape a component has, read from its bytes without compiling it:
//! its interfaces as text, and whether they are the contract's. What it does
//! with them stays out.

mod compare;
mod error;
mod interface;
mod reach;
mod standard;
mod text;

pub use compare::{Difference, differences};
pub use error::{ContractError, Direction, Fault};
pub use interface::{Function, Interface, TypeDefinition};
pub use reach::Reach;
pub use standard::{HANDLER, PRODUCER, TYPES, is_newest_draft, standard};

use wit_parser::decoding::{DecodedWasm, decode};

/// The interface of a component that sends HTTP requests.
const OUTGOING_HTTP: &str = "wasi:http/outgoing-handler";
/// The interface of a component that answers HTTP requests, in wasi:http 0.2.
const INCOMING_HTTP: &str = "wasi:http/incoming-handler";
/// The same in wasi:http 0.3.
const INCOMING_HTTP_ASYNC: &str = "wasi:http/handler";

/// A component's interfaces, and what follows from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The file it came from, for errors.
    pub file: String,
    /// In the component's order.
    pub imports: Vec<Interface>,
    /// In the component's order.
    pub exports: Vec<Interface>,
}

/// A component that may handle messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// It imports incoming-handler: something must follow it.
    pub passes_on: bool,
    /// It may send messages through `wasi:messaging/producer`.
    pub produces: bool,
    /// It may send HTTP requests.
    pub requests: bool,
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
                Ok(Self {
                    file: file.into(),
                    imports: interface::all(&resolve, &world.imports),
                    exports: interface::all(&resolve, &world.exports),
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
                Err(ContractError::CoreModule { file: file() })
            }
            [] => Err(ContractError::Empty { file: file() }),
            _ => Err(ContractError::NotWasm { file: file() }),
        }
    }

    /// What it may do as a handler of messages, if it is one: it exports
    /// incoming-handler, and all of wasi:messaging that it names is as published.
    pub fn handler(&self) -> Result<Handler, ContractError> {
        if self.export(HANDLER).is_none() {
            return Err(self.no_handler());
        }
        if let Some(error) = self.newest_draft() {
            return Err(error);
        }
        if let Some(interface) = self.other_version() {
            return Err(ContractError::OtherVersion {
                file: self.file.clone(),
                found: interface.name.clone(),
            });
        }
        let faults = self.faults();
        if !faults.is_empty() {
            let file = self.file.clone();
            return Err(ContractError::Mismatch { file, faults });
        }
        Ok(Handler {
            passes_on: self.passes_on(),
            produces: self.produces(),
            requests: self.requests(),
        })
    }

    /// As [`Contract::handler`], for a component that runs as it is: one that
    /// passes messages on is not complete without what follows it.
    pub fn complete(&self) -> Result<Handler, ContractError> {
        let handler = self.handler()?;
        if handler.passes_on {
            return Err(ContractError::Incomplete {
                file: self.file.clone(),
            });
        }
        Ok(handler)
    }

    /// The error of a component of the newest messaging draft, if it is one.
    pub fn newest_draft(&self) -> Option<ContractError> {
        let mut all = self.imports.iter().chain(&self.exports);
        all.any(is_newest_draft)
            .then(|| ContractError::NewestDraft {
                file: self.file.clone(),
            })
    }

    /// It imports incoming-handler.
    pub fn passes_on(&self) -> bool {
        self.import(HANDLER).is_some()
    }

    /// It imports the producer.
    pub fn produces(&self) -> bool {
        self.import(PRODUCER).is_some()
    }

    /// It may send HTTP requests.
    pub fn requests(&self) -> bool {
        self.imports
            .iter()
            .any(|interface| interface.path() == OUTGOING_HTTP)
    }

    /// The interface through which it answers HTTP requests.
    pub fn http_handler(&self) -> Option<&Interface> {
        self.exports
            .iter()
            .find(|interface| [INCOMING_HTTP, INCOMING_HTTP_ASYNC].contains(&interface.path()))
    }

    /// Whether it answers HTTP requests in a way that this host knows.
    pub fn answers(&self) -> Result<(), ContractError> {
        let version = |name: &str| {
            name.strip_prefix(INCOMING_HTTP)?
                .strip_prefix("@0.2.")
                .map(drop)
        };
        if self.exports.iter().any(|i| version(&i.name).is_some()) {
            return Ok(());
        }
        let file = self.file.clone();
        Err(match self.http_handler() {
            Some(interface) => ContractError::OtherHttp {
                file,
                interface: interface.name.clone(),
            },
            None => ContractError::NoHttpHandler {
                file,
                exports: self.exports.iter().map(|i| i.name.clone()).collect(),
            },
        })
    }

    /// The interface through which it handles messages asynchronously.
    pub fn async_handler(&self) -> Option<&Interface> {
        self.exports.iter().find(|interface| {
            interface.path().ends_with("/incoming-handler")
                && interface
                    .function("handle")
                    .is_some_and(|handle| handle.is_async)
        })
    }

    /// The import of that full name.
    pub fn import(&self, name: &str) -> Option<&Interface> {
        self.imports.iter().find(|interface| interface.name == name)
    }

    /// The export of that full name.
    pub fn export(&self, name: &str) -> Option<&Interface> {
        self.exports.iter().find(|interface| interface.name == name)
    }

    /// All that differs from the published contract.
    fn faults(&self) -> Vec<Fault> {
        let imports = self.imports.iter().map(|i| (Direction::Import, i));
        let exports = self.exports.iter().map(|i| (Direction::Export, i));
        let mut faults = Vec::new();
        for (direction, interface) in imports.chain(exports) {
            let Some(wanted) = standard(&interface.name) else {
                continue;
            };
            let whole = direction == Direction::Export;
            for difference in differences(interface, wanted, whole) {
                faults.push(Fault {
                    direction,
                    interface: interface.name.clone(),
                    difference,
                });
            }
        }
        faults
    }

    /// An interface of wasi:messaging that is not of our version.
    fn other_version(&self) -> Option<&Interface> {
        let mut all = self.imports.iter().chain(&self.exports);
        all.find(|i| i.path().starts_with("wasi:messaging/") && standard(&i.name).is_none())
    }

    /// Why a component without our incoming-handler is not one that handles messages.
    fn no_handler(&self) -> ContractError {
        let file = self.file.clone();
        if let Some(interface) = self.async_handler() {
            let interface = interface.name.clone();
            return ContractError::AsyncHandler { file, interface };
        }
        let of_messaging = |i: &&Interface| i.path() == "wasi:messaging/incoming-handler";
        if let Some(interface) = self.exports.iter().find(of_messaging) {
            let found = interface.name.clone();
            return ContractError::OtherVersion { file, found };
        }
        if let Some(interface) = self.http_handler() {
            let interface = interface.name.clone();
            return ContractError::HttpHandler { file, interface };
        }
        ContractError::NoHandler {
            file,
            exports: self.exports.iter().map(|i| i.name.clone()).collect(),
        }
    }
}
