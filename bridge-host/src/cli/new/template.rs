//! The files of a new project, by its kind and its language: from the folder `templates`,
//! and interfaces from `wit`. Writing them stays out.

/// The kind of component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// Receives messages, and forwards, changes or drops them
    Middleware,
    /// Answers HTTP requests; the bridge sends it messages as requests
    Handler,
}

/// The language of the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Language {
    /// Rust, with wit-bindgen
    Rust,
    /// JavaScript, with componentize-js
    Js,
    /// Python, with componentize-py
    Python,
}

/// A file of a project: its path, and its text with placeholders for the name.
#[derive(Clone, Copy)]
pub(super) struct File {
    pub path: &'static str,
    pub text: &'static str,
}

macro_rules! files {
    ($from:literal: $($path:literal $(= $source:literal)?),+ $(,)?) => {
        &[$(File {
            path: $path,
            text: include_str!(concat!("../../../", $from, files!(@ $path $(= $source)?))),
        }),+]
    };
    (@ $path:literal) => { $path };
    (@ $path:literal = $source:literal) => { $source };
}

const RUST_HANDLER: &[File] = files!["templates/rust-handler/":
    "README.md", "Cargo.toml", "src/lib.rs", "src/exchange.rs", "bridge.toml" = "../handler.toml"];
const RUST_MIDDLEWARE: &[File] = files!["templates/rust-middleware/":
    "README.md", "Cargo.toml", "src/lib.rs"];
const JS_HANDLER: &[File] = files!["templates/js-handler/":
    "README.md", "package.json", "handler.js", "bridge.toml"];
const JS_MIDDLEWARE: &[File] = files!["templates/js-middleware/":
    "README.md", "package.json", "middleware.js"];
const PYTHON_HANDLER: &[File] = files!["templates/python-handler/":
    "README.md", "requirements.txt", "app.py", "bridge.toml" = "../handler.toml"];
const PYTHON_MIDDLEWARE: &[File] = files!["templates/python-middleware/":
    "README.md", "requirements.txt", "app.py"];

const HANDLER_WIT: &[File] = files!["../wit/handler/":
    "wit/world.wit" = "world.wit",
    "wit/deps/clocks/monotonic-clock.wit" = "deps/clocks/monotonic-clock.wit",
    "wit/deps/http/handler.wit" = "deps/http/handler.wit",
    "wit/deps/http/types.wit" = "deps/http/types.wit",
    "wit/deps/io/error.wit" = "deps/io/error.wit",
    "wit/deps/io/poll.wit" = "deps/io/poll.wit",
    "wit/deps/io/streams.wit" = "deps/io/streams.wit",
];
const MIDDLEWARE: &[File] = files!["templates/":
    "bridge.toml" = "middleware.toml",
    "wit/world.wit" = "middleware.wit",
];
const MIDDLEWARE_WIT: &[File] = files!["../wit/deps/":
    "wit/deps/config/store.wit" = "config/store.wit",
    "wit/deps/config/world.wit" = "config/world.wit",
    "wit/deps/messaging/incoming-handler.wit" = "messaging/incoming-handler.wit",
    "wit/deps/messaging/types.wit" = "messaging/types.wit",
];

const GITIGNORE: File = File {
    path: ".gitignore",
    text: "*.wasm\n/bridge-data\n/build\n/node_modules\n/target\n/.venv\n__pycache__\n",
};

/// Returns all files of a project, its README first.
pub(super) fn files(kind: Kind, language: Language) -> Vec<File> {
    let own = match (kind, language) {
        (Kind::Handler, Language::Rust) => RUST_HANDLER,
        (Kind::Handler, Language::Js) => JS_HANDLER,
        (Kind::Handler, Language::Python) => PYTHON_HANDLER,
        (Kind::Middleware, Language::Rust) => RUST_MIDDLEWARE,
        (Kind::Middleware, Language::Js) => JS_MIDDLEWARE,
        (Kind::Middleware, Language::Python) => PYTHON_MIDDLEWARE,
    };
    let shared = match kind {
        Kind::Handler => [HANDLER_WIT, &[]],
        Kind::Middleware => [MIDDLEWARE, MIDDLEWARE_WIT],
    };
    [own, &[GITIGNORE], shared[0], shared[1]].concat()
}
