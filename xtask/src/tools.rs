//! What the tests need besides Rust, each put under target/ once, with a line
//! saying so: the wac command line, components made by other toolchains, a
//! server of others, and messages from the wild.

mod github;
mod javascript;
pub mod nats;
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

/// Brings everything that is not there yet.
pub fn ensure(root: &Path) -> Result {
    wasip2();
    github::ensure(root)?;
    others(root)?;
    nats::ensure()?;
    nats::current(root)?;
    redis::ensure()?;
    wac::ensure(root)
}

/// Brings the servers of brokers.
pub fn servers(root: &Path) -> Result {
    nats::ensure()?;
    python::ensure(root)?;
    redis::ensure()?;
    nats::current(root)
}

/// Has rustup bring the target of the projects in Rust that `bridge-host new`
/// writes. Where it cannot, their tests take the other commands of their READMEs.
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

/// Brings the toolchains of other languages, what they make, and the server
/// that it also runs in.
pub fn others(root: &Path) -> Result {
    python::ensure(root)?;
    python_examples::ensure(root)?;
    spin::ensure(root)?;
    javascript::ensure(root)?;
    wasmtime::ensure(root)
}

/// Fails with `remedy` where a program cannot be run.
fn need(program: &str, arguments: &[&str], remedy: &str) -> Result {
    let ran = Command::new(program).args(arguments).output();
    match ran.is_ok_and(|output| output.status.success()) {
        true => Ok(()),
        false => Err(remedy.into()),
    }
}

/// Runs an example's own script, which makes target/guests/NAME.wasm, where
/// that is older than what it is made from: these files of the example's
/// folder, and `more`.
fn example(root: &Path, folder: &str, name: &str, files: &[&str], more: &[PathBuf]) -> Result {
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

/// Whether a file is newer than every file under these paths.
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
