//! Builds a crate of this workspace for WebAssembly and encodes it as a
//! component; and makes the one component that needs no crate. Which crates,
//! and where the result goes, is the caller's.

mod rename;
mod types;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// The variable that replaces `cargo` for guests by words of your own, in which
/// case rustup is not asked for the target. Where its server is out of reach:
/// `env RUSTC_BOOTSTRAP=1 /usr/bin/cargo -Zbuild-std=std,panic_abort`.
pub const CARGO: &str = "BRIDGE_GUEST_CARGO";

/// Variables of an outer cargo that mislead the nested one: meant for another
/// target, or pointing at a job server that is not its own.
const OUTER: [&str; 8] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_MAKEFLAGS",
    "MAKEFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
];

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command could not be run at all.
    #[error("cannot run `{0}`: {1}")]
    Command(String, io::Error),
    /// Rustup was asked for the target, in vain.
    #[error(
        "the target {TARGET} is not installed and `rustup target add {TARGET}` failed: run it where \
         rustup's server answers, or set {CARGO} to a cargo that can build for it"
    )]
    Target,
    /// Cargo has said why.
    #[error("`{0}` failed: its own words are above")]
    Build(String),
    /// Cargo was content, but the file is not there.
    #[error("cannot read {0}: {1}")]
    Module(PathBuf, io::Error),
    /// The interfaces that a component is made from.
    #[error("cannot make a component from the WIT in {0}: {1}")]
    Wit(PathBuf, String),
    /// The module is not made for a world.
    #[error("{0} cannot be encoded as a component: {1}")]
    Encode(String, String),
}

/// The component made of `package`, a `cdylib` member of the workspace at
/// `root`. `target` is a folder that no running cargo has locked.
pub fn build(package: &str, root: &Path, target: &Path) -> Result<Vec<u8>, Error> {
    let module = compile(package, root, target)?;
    let bytes = std::fs::read(&module).map_err(|e| Error::Module(module, e))?;
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|e| Error::Encode(package.into(), format!("{e:#}")))
}

/// `client-as-handler`: a component without code that answers requests by
/// sending them through `wasi:http/client`. Made from the WIT in `wit`, the
/// folder of wasi 0.3's packages.
pub fn client_as_handler(wit: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |e: &dyn std::fmt::Display| Error::Wit(wit.into(), e.to_string());
    let mut resolve = wit_parser::Resolve::default();
    for package in ["clocks", "http"] {
        let pushed = resolve.push_path(wit.join(package));
        pushed.map_err(|e| unreadable(&format!("{e:#}")))?;
    }
    let from = ("wasi:http/client@0.3.0", "send");
    let to = ("wasi:http/handler@0.3.0", "handle");
    rename::rename(&resolve, from, to).map_err(|e| unreadable(&e))
}

fn compile(package: &str, root: &Path, target: &Path) -> Result<PathBuf, Error> {
    let mut command = cargo(root)?;
    command
        .current_dir(root)
        .args(["build", "--target", TARGET, "--profile", "guest"])
        .args(["-p", package, "--target-dir"])
        .arg(target);
    for name in OUTER {
        command.env_remove(name);
    }
    match run(&mut command)? {
        true => Ok(target
            .join(TARGET)
            .join("guest")
            .join(format!("{}.wasm", package.replace('-', "_")))),
        false => Err(Error::Build(words(&command))),
    }
}

fn cargo(root: &Path) -> Result<Command, Error> {
    let own = std::env::var(CARGO).unwrap_or_default();
    let mut words = own.split_whitespace();
    let Some(program) = words.next() else {
        ensure_target(root)?;
        let known = std::env::var_os("CARGO");
        return Ok(Command::new(known.unwrap_or_else(|| "cargo".into())));
    };
    let mut command = Command::new(program);
    // The outer cargo's compiler need not be this one's.
    command.args(words).env_remove("RUSTC");
    Ok(command)
}

fn ensure_target(root: &Path) -> Result<(), Error> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let installed = Command::new(rustc)
        .current_dir(root)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .is_ok_and(|output| {
            let folder = String::from_utf8_lossy(&output.stdout);
            output.status.success() && Path::new(folder.trim()).is_dir()
        });
    if installed {
        return Ok(());
    }
    eprintln!("the target {TARGET} is missing: running `rustup target add {TARGET}`");
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root).args(["target", "add", TARGET]);
    match run(&mut rustup) {
        Ok(true) => Ok(()),
        _ => Err(Error::Target),
    }
}

/// Whether the command ended well. Its output goes to standard error: the
/// standard output of a build script is read by cargo.
fn run(command: &mut Command) -> Result<bool, Error> {
    let status = command
        .stdout(io::stderr())
        .status()
        .map_err(|e| Error::Command(words(command), e))?;
    Ok(status.success())
}

/// The command as one would type it.
fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
