//! Why a component cannot be used. Each text says what was found, what is expected, and how to
//! change it, for a reader who did not build the component.

use std::fmt;

use super::compare::Difference;
use super::core_module::ModuleKind;
use super::linked_interfaces::MissingImport;
use super::revision::MessagingRevision;

/// Why a component cannot be used where the config names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// The file is empty.
    #[error("{file} is empty: name a WebAssembly component")]
    Empty {
        /// The file.
        file: String,
    },
    /// The file is not WebAssembly.
    #[error(
        "{file} is not WebAssembly: it does not begin with `\\0asm`; \
         name the component itself, not its source, text form or archive"
    )]
    NotWasm {
        /// The file.
        file: String,
    },
    /// The file is a core module.
    #[error("{file} is a core WebAssembly module, not a component; {}", kind.remedy(file))]
    CoreModule {
        /// The file.
        file: String,
        /// What a component can be built from it with.
        kind: ModuleKind,
    },
    /// The file is a WIT package: interfaces without code.
    #[error(
        "{file} is a WIT package, which has interfaces but no code; \
         name a component that was built from it"
    )]
    WitPackage {
        /// The file.
        file: String,
    },
    /// The file is truncated, or uses a feature that the decoder does not know.
    #[error(
        "{file} cannot be read as a WebAssembly component: {reason}; \
         build it again, or check that it was copied completely"
    )]
    Unreadable {
        /// The file.
        file: String,
        /// The decoder's error.
        reason: String,
    },
    /// The component does not handle messages.
    #[error(
        "{file} does not handle messages: it exports {}; \
         build it for a world that exports wasi:messaging/incoming-handler@0.2.0-draft",
        list(exports)
    )]
    NoHandler {
        /// The file.
        file: String,
        /// The interfaces that it exports.
        exports: Vec<String>,
    },
    /// The component is an HTTP handler, in a place for a component that handles messages.
    #[error(
        "{file} is an HTTP handler: it exports {interface} and does not handle messages; \
         give it as the endpoint, `to = {{ component = {file:?}, path = \"/\" }}`, \
         or name a component that exports wasi:messaging/incoming-handler@0.2.0-draft"
    )]
    HttpHandler {
        /// The file.
        file: String,
        /// The interface that it exports.
        interface: String,
    },
    /// The component is an HTTP middleware, in a place for a component that handles messages.
    #[error(
        "{file} is an HTTP middleware: it takes requests through {interface} and forwards them, but does \
         not handle messages; put it in front of the handler that is the endpoint, \
         `to = {{ component = \"handler.wasm\", middleware = [{file:?}] }}`"
    )]
    HttpMiddleware {
        /// The file.
        file: String,
        /// The interface that it exports.
        interface: String,
    },
    /// The component is not an HTTP middleware.
    #[error(
        "{file} is not an HTTP middleware: `middleware` needs components that import and export \
         wasi:http/handler@0.3; it imports {}, and exports {}; \
         put a component that handles messages into `chain`",
        list(imports),
        list(exports)
    )]
    NoHttpMiddleware {
        /// The file.
        file: String,
        /// The interfaces that it imports.
        imports: Vec<String>,
        /// The interfaces that it exports.
        exports: Vec<String>,
    },
    /// The component is an HTTP handler of an unsupported version.
    #[error(
        "{file} exports {interface}, but bridge-host supports HTTP handlers of \
         wasi:http/incoming-handler@0.2 and wasi:http/handler@0.3; build it for one of them, \
         or run it behind an HTTP server and give its URL as `to`"
    )]
    OtherHttp {
        /// The file.
        file: String,
        /// The interface that it exports.
        interface: String,
    },
    /// The component is not an HTTP handler.
    #[error(
        "{file} is not an HTTP handler: it exports {}, but neither wasi:http/incoming-handler@0.2 \
         nor wasi:http/handler@0.3; \
         put a component that handles messages into `chain` or `component`",
        list(exports)
    )]
    NoHttpHandler {
        /// The file.
        file: String,
        /// The interfaces that it exports.
        exports: Vec<String>,
    },
    /// The component has an asynchronous `handle` of an unknown interface.
    #[error(
        "{file} handles messages asynchronously through {interface}, which bridge-host does not support; \
         export bridge:messaging/incoming-handler@0.1.0 (wit/async in bridge-host's source) \
         or wasi:messaging/incoming-handler@0.2.0-draft, whose `handle` is a plain func"
    )]
    AsyncHandler {
        /// The file.
        file: String,
        /// The interface that it exports.
        interface: String,
    },
    /// The component mixes two revisions of wasi:messaging.
    #[error(
        "{file} mixes two revisions of wasi:messaging, which share the version 0.2.0-draft: it {draft} of the \
         newest draft, and {published} of the published one: {difference}; build all of it from \
         wit/deps/messaging, or all of it from wit/draft/deps/messaging, of bridge-host's source"
    )]
    Mixed {
        /// The file.
        file: String,
        /// The direction and name of an interface of the newest draft.
        draft: String,
        /// The direction and name of an interface of the published revision.
        published: String,
        /// The difference that shows it.
        difference: String,
    },
    /// The component uses another version of wasi:messaging.
    #[error(
        "{file} uses {found}, but bridge-host supports wasi:messaging@0.2.0-draft \
         with the interfaces types, producer and incoming-handler; \
         build it from wit/deps/messaging of bridge-host's source"
    )]
    OtherVersion {
        /// The file.
        file: String,
        /// The interface that was found.
        found: String,
    },
    /// An interface has the right name, but other functions or types.
    #[error(
        "{file} does not match {}:{}\n  \
         the names of parameters count, too; \
         build it from {} in bridge-host's source",
        revision.description(),
        lines(mismatches),
        revision.folder()
    )]
    Mismatch {
        /// The file.
        file: String,
        /// The revision that it was compared with.
        revision: MessagingRevision,
        /// All differences.
        mismatches: Vec<Mismatch>,
    },
    /// The component imports interfaces that the host does not provide.
    #[error(
        "{file} cannot start: it imports what bridge-host does not provide{}",
        missing_lines(missing)
    )]
    Unlinked {
        /// The file.
        file: String,
        /// The missing imports.
        missing: Vec<MissingImport>,
    },
    /// The component forwards messages, and no component follows it.
    #[error(
        "{file} forwards messages: it imports wasi:messaging/incoming-handler@0.2.0-draft, \
         and no component follows it; put it into `chain`, where the adapter follows, \
         or complete it with `bridge-host compose {file} -o complete.wasm`"
    )]
    Incomplete {
        /// The file.
        file: String,
    },
}

/// Whether a component imports or exports an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The component imports it.
    Import,
    /// The component exports it.
    Export,
}

/// One difference between a component and the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Whether the interface is imported or exported.
    pub direction: Direction,
    /// The full name of the interface.
    pub interface: String,
    /// The difference.
    pub difference: Difference,
}

impl fmt::Display for Mismatch {
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

fn lines(mismatches: &[Mismatch]) -> String {
    mismatches
        .iter()
        .map(|mismatch| format!("\n  {mismatch}"))
        .collect()
}

fn missing_lines(missing: &[MissingImport]) -> String {
    let line = |it: &MissingImport| format!("\n  {}: {}", it.import, it.meaning);
    missing.iter().map(line).collect()
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".into(),
        names => names.join(", "),
    }
}
