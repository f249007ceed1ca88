//! Why a component cannot be used, told to someone who did not make it: what
//! was found, what is wanted, how to mend it.

use std::fmt;

use super::compare::Difference;
use super::linked::Missing;
use super::module::ModuleKind;
use super::shape::Shape;

/// Why a component is not what it is configured as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// No bytes at all.
    #[error("{file} is empty; a WebAssembly component is wanted")]
    Empty {
        /// The file.
        file: String,
    },
    /// Something else.
    #[error(
        "{file} is not WebAssembly: it does not begin with `\\0asm`; \
         name the component itself, not its source, text form or archive"
    )]
    NotWasm {
        /// The file.
        file: String,
    },
    /// A core module.
    #[error("{file} is a core WebAssembly module, not a component; {}", kind.remedy(file))]
    CoreModule {
        /// The file.
        file: String,
        /// What can be made of it.
        kind: ModuleKind,
    },
    /// Interfaces without code.
    #[error(
        "{file} is a WIT package, that is interfaces without code; \
         name a component that was made from it"
    )]
    WitPackage {
        /// The file.
        file: String,
    },
    /// It breaks off, or is made of something we do not know.
    #[error(
        "{file} cannot be read as a WebAssembly component: {reason}; \
         build it again, or see whether it was copied whole"
    )]
    Unreadable {
        /// The file.
        file: String,
        /// The decoder's word for it.
        reason: String,
    },
    /// Nothing that takes messages.
    #[error(
        "{file} does not handle messages: it exports {}, \
         and wasi:messaging/incoming-handler@0.2.0-draft is wanted; \
         build it for a world that exports that interface",
        list(exports)
    )]
    NoHandler {
        /// The file.
        file: String,
        /// What it exports.
        exports: Vec<String>,
    },
    /// A component that answers HTTP requests.
    #[error(
        "{file} is an HTTP handler: it exports {interface} and takes no messages itself; \
         give it as the endpoint, `to = {{ component = {file:?}, path = \"/\" }}`, \
         or name a component that exports wasi:messaging/incoming-handler@0.2.0-draft"
    )]
    HttpHandler {
        /// The file.
        file: String,
        /// The interface.
        interface: String,
    },
    /// A component that stands in front of one that answers HTTP requests.
    #[error(
        "{file} is an HTTP middleware: it takes requests through {interface}, hands them on, and takes no \
         messages; give it in front of the handler that is the endpoint, \
         `to = {{ component = \"handler.wasm\", middleware = [{file:?}] }}`"
    )]
    HttpMiddleware {
        /// The file.
        file: String,
        /// The interface.
        interface: String,
    },
    /// A component that does not stand in front of an HTTP handler.
    #[error(
        "{file} is not an HTTP middleware: `through` takes components that import and export \
         wasi:http/handler@0.3; it imports {}, and exports {}; \
         a component that handles messages goes into `chain`",
        list(imports),
        list(exports)
    )]
    NoHttpMiddleware {
        /// The file.
        file: String,
        /// What it imports.
        imports: Vec<String>,
        /// What it exports.
        exports: Vec<String>,
    },
    /// A component that answers HTTP requests in a way that is not ours.
    #[error(
        "{file} exports {interface}, and this version of bridge-host takes HTTP handlers of \
         wasi:http/incoming-handler@0.2 and wasi:http/handler@0.3; build it for one of them, \
         or run it behind an HTTP server and give its URL as `to`"
    )]
    OtherHttp {
        /// The file.
        file: String,
        /// The interface.
        interface: String,
    },
    /// A component that answers no HTTP requests.
    #[error(
        "{file} is no HTTP handler: it exports {}, and neither wasi:http/incoming-handler@0.2 \
         nor wasi:http/handler@0.3; \
         a component that handles messages goes into `chain` or `component`",
        list(exports)
    )]
    NoHttpHandler {
        /// The file.
        file: String,
        /// What it exports.
        exports: Vec<String>,
    },
    /// A component with an `async` handle that is not ours.
    #[error(
        "{file} handles messages asynchronously, through {interface}, which this host does not know; \
         export bridge:messaging/incoming-handler@0.1.0, which is in wit/async of bridge-host's source, \
         or wasi:messaging/incoming-handler@0.2.0-draft, whose `handle` is a plain func"
    )]
    AsyncHandler {
        /// The file.
        file: String,
        /// The interface.
        interface: String,
    },
    /// Made partly from the newest draft of wasi:messaging.
    #[error(
        "{file} has two shapes of wasi:messaging, which share the version 0.2.0-draft: it {draft} as the \
         newest draft has it, and {published} as it was published: {difference}; a component has one of \
         them: build all of it from wit/deps/messaging, or all of it from wit/draft/deps/messaging, of \
         bridge-host's source"
    )]
    Mixed {
        /// The file.
        file: String,
        /// The side and the interface that is of the newest draft.
        draft: String,
        /// The same of the one that is not.
        published: String,
        /// By what that shows.
        difference: String,
    },
    /// Another version of wasi:messaging.
    #[error(
        "{file} uses {found}, and this bridge-host knows wasi:messaging of version 0.2.0-draft \
         with the interfaces types, producer and incoming-handler; \
         build it from wit/deps/messaging of bridge-host's source"
    )]
    OtherVersion {
        /// The file.
        file: String,
        /// The interface.
        found: String,
    },
    /// The right interfaces with other functions in them.
    #[error(
        "{file} is not made for {}:{}\n  \
         the names of parameters count; \
         build it from {} of bridge-host's source",
        shape.words(),
        lines(faults),
        shape.folder()
    )]
    Mismatch {
        /// The file.
        file: String,
        /// What it was compared with.
        shape: Shape,
        /// All that differs.
        faults: Vec<Fault>,
    },
    /// It imports what this host does not have.
    #[error(
        "{file} cannot start: it imports what bridge-host does not have{}",
        missing_lines(missing)
    )]
    Unlinked {
        /// The file.
        file: String,
        /// What it misses.
        missing: Vec<Missing>,
    },
    /// A middleware by itself.
    #[error(
        "{file} passes messages on: it imports wasi:messaging/incoming-handler@0.2.0-draft, \
         and nothing follows it; give it in `chain`, where the adapter follows, \
         or make it complete with `bridge-host compose {file} -o complete.wasm`"
    )]
    Incomplete {
        /// The file.
        file: String,
    },
}

/// The side of a component on which an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What it asks for.
    Import,
    /// What it offers.
    Export,
}

/// One place where a component departs from the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Imported or exported.
    pub direction: Direction,
    /// The interface's full name.
    pub interface: String,
    /// What differs.
    pub difference: Difference,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.direction {
            Direction::Import => "import",
            Direction::Export => "export",
        };
        let Self {
            interface,
            difference,
            ..
        } = self;
        write!(f, "{word} {interface}, {difference}")
    }
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}

fn missing_lines(missing: &[Missing]) -> String {
    let line = |it: &Missing| format!("\n  {}: {}", it.import, it.meaning);
    missing.iter().map(line).collect()
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".into(),
        names => names.join(", "),
    }
}
