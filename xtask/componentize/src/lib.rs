//! Builds a crate of this workspace for WebAssembly and encodes it as a
//! component. It also makes the one component that has no crate. The caller
//! chooses the crates, and where the results go.

mod reexport;
mod types;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// The variable with the words that replace `cargo` for guests. With it, rustup
/// is not asked for the target. For machines that cannot reach rustup's server:
/// `env RUSTC_BOOTSTRAP=1 /usr/bin/cargo -Zbuild-std=std,panic_abort`.
pub const CARGO: &str = "BRIDGE_GUEST_CARGO";

/// Variables of the outer cargo that mislead the nested one: they are for another
/// target, or name a job server that the nested cargo cannot use.
const OUTER_CARGO_VARIABLES: [&str; 8] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_MAKEFLAGS",
    "MAKEFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
];

/// Why a component could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command could not be run.
    #[error("cannot run `{0}`: {1}")]
    Command(String, io::Error),
    /// Rustup could not install the target.
    #[error(
        "the target {TARGET} is not installed and `rustup target add {TARGET}` failed: run it where \
         rustup's server answers, or set {CARGO} to a cargo that can build for it"
    )]
    Target,
    /// Cargo failed, and printed why.
    #[error("`{0}` failed: see its output above")]
    Build(String),
    /// Cargo succeeded, but the file is missing.
    #[error("cannot read {0}: {1}")]
    Module(PathBuf, io::Error),
    /// The WIT cannot be read, or does not fit.
    #[error("cannot make a component from the WIT in {0}: {1}")]
    Wit(PathBuf, String),
    /// The module cannot be encoded as a component.
    #[error("{0} cannot be encoded as a component: {1}")]
    Encode(String, String),
}

/// Builds the component of `package`, a `cdylib` member of the workspace at
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

/// Makes `client-as-handler`: a component without code that answers requests by
/// sending them through `wasi:http/client`. It is made from the WIT in `wit`, the
/// folder with the packages of wasi 0.3.
pub fn client_as_handler(wit: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |e: &dyn std::fmt::Display| Error::Wit(wit.into(), e.to_string());
    let mut resolve = wit_parser::Resolve::default();
    for package in ["clocks", "http"] {
        let pushed = resolve.push_path(wit.join(package));
        pushed.map_err(|e| unreadable(&format!("{e:#}")))?;
    }
    let from = ("wasi:http/client@0.3.0", "send");
    let to = ("wasi:http/handler@0.3.0", "handle");
    reexport::reexport(&resolve, from, to).map_err(|e| unreadable(&e))
}

fn compile(package: &str, root: &Path, target: &Path) -> Result<PathBuf, Error> {
    let mut command = cargo(root)?;
    command
        .current_dir(root)
        .args(["build", "--target", TARGET, "--profile", "guest"])
        .args(["-p", package, "--target-dir"])
        .arg(target);
    for name in OUTER_CARGO_VARIABLES {
        command.env_remove(name);
    }
    match run(&mut command)? {
        true => Ok(target
            .join(TARGET)
            .join("guest")
            .join(format!("{}.wasm", package.replace('-', "_")))),
        false => Err(Error::Build(command_line(&command))),
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
    // The compiler of the outer cargo may differ from this one's.
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

/// Runs the command, and returns whether it succeeded. Its output goes to
/// standard error, because cargo reads the standard output of a build script.
fn run(command: &mut Command) -> Result<bool, Error> {
    let status = command
        .stdout(io::stderr())
        .status()
        .map_err(|e| Error::Command(command_line(command), e))?;
    Ok(status.success())
}

/// Returns the command as a user would type it.
fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
