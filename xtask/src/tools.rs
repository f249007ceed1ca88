//! The tools that the tests need besides Rust, installed under target/ once: the
//! wac CLI, components made with other toolchains, servers, and sample messages.

mod github;
mod javascript;
pub mod nats;
pub mod peers;
mod python;
mod python_examples;
mod redis;
mod spin;
mod wac;
mod wasmtime;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::workspace::{self, say};
use crate::{Result, guests};

const WASIP2: &str = "wasm32-wasip2";

/// Installs whatever is missing.
pub fn ensure(root: &Path) -> Result {
    wasip2();
    github::ensure(root)?;
    others(root)?;
    nats::ensure()?;
    nats::current(root)?;
    redis::ensure()?;
    wac::ensure(root)
}

/// Installs the servers of brokers.
pub fn servers(root: &Path) -> Result {
    nats::ensure()?;
    python::ensure(root)?;
    redis::ensure()?;
    nats::current(root)
}

/// Installs the rustup target of the Rust projects that `bridge-host new` writes.
/// If that fails, the tests use the other commands of the projects' READMEs.
fn wasip2() {
    let folder = ["--print", "target-libdir", "--target", WASIP2];
    let folder = workspace::output(Command::new("rustc").args(folder));
    if folder.is_ok_and(|folder| Path::new(folder.trim()).is_dir()) {
        return;
    }
    say(&format!("rustup target add {WASIP2}: once"));
    let mut rustup = Command::new("rustup");
    if let Err(why) = workspace::run(rustup.args(["target", "add", WASIP2])) {
        eprintln!("{why}: templates are built for wasm32-unknown-unknown");
    }
}

/// Installs the toolchains of other languages, builds components with them, and
/// installs a third-party server that runs those components.
pub fn others(root: &Path) -> Result {
    python::ensure(root)?;
    python_examples::ensure(root)?;
    spin::ensure(root)?;
    javascript::ensure(root)?;
    wasmtime::ensure(root)
}

/// Fails with `remedy` if the program cannot be run.
fn require(program: &str, arguments: &[&str], remedy: &str) -> Result {
    let ran = Command::new(program).args(arguments).output();
    match ran.is_ok_and(|output| output.status.success()) {
        true => Ok(()),
        false => Err(remedy.into()),
    }
}

/// Runs the build script of an example, which makes target/guests/NAME.wasm, if
/// that file is older than the example's `files` or than the paths in `more`.
fn build_example(
    root: &Path,
    folder: &str,
    name: &str,
    files: &[&str],
    more: &[PathBuf],
) -> Result {
    let folder = root.join(folder);
    let component = guests::folder(root).join(name).with_extension("wasm");
    let files = files.iter().chain(&["build.sh"]);
    let inputs: Vec<PathBuf> = files.map(|file| folder.join(file)).collect();
    if is_newer(&component, &[&inputs[..], more].concat()) {
        return Ok(());
    }
    say(&format!(
        "building target/guests/{name}.wasm: less than a minute"
    ));
    workspace::run(&mut Command::new(folder.join("build.sh")))
}

/// Returns whether a file is newer than every file under these paths.
fn is_newer(file: &Path, inputs: &[PathBuf]) -> bool {
    let Ok(made) = fs::metadata(file).and_then(|meta| meta.modified()) else {
        return false;
    };
    inputs.iter().all(|input| is_older(input, made))
}

fn is_older(path: &Path, than: SystemTime) -> bool {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().all(|entry| is_older(&entry.path(), than)),
        Err(_) => fs::metadata(path)
            .and_then(|meta| meta.modified())
            .is_ok_and(|changed| changed <= than),
    }
}
