//! What the forwarders in bridge-host/benches/peers require, installed to
//! target/tools/peers for `cargo xtask bench peers`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::require;
use crate::Result;
use crate::workspace::{self, say};

const SOURCES: &str = "bridge-host/benches/peers";
const TOOLS: &str = "target/tools/peers";

/// Exits with 1 in a Node.js that undici 7 does not run on.
const NODE_CHECK: &str = "const [major, minor] = process.versions.node.split('.'); process.exit(major * 100 + +minor < 2018 ? 1 : 0)";

/// Installs the packages of both peers, unless they are up to date.
pub fn ensure(root: &Path) -> Result {
    node(
        &root.join(SOURCES).join("node"),
        &root.join(TOOLS).join("node"),
    )?;
    python(
        &root.join(SOURCES).join("python"),
        &root.join(TOOLS).join("python"),
    )
}

/// Copies the forwarder, because Node.js looks for packages beside the file
/// that imports them, and installs the packages.
fn node(source: &Path, folder: &Path) -> Result {
    let remedy = "the benchmark needs npm and Node.js 20.18 or later (Debian: apt-get install npm; or from nodejs.org)";
    require("node", &["-e", NODE_CHECK], remedy)?;
    require("npm", &["--version"], remedy)?;
    let lock = "package-lock.json";
    let is_current = is_same(&source.join(lock), &folder.join(lock))
        && folder.join("node_modules/.package-lock.json").exists();
    for name in ["forward.mjs", "package.json", lock] {
        copy(&source.join(name), &folder.join(name))?;
    }
    if is_current {
        return Ok(());
    }
    say(&format!("installing the Node forwarder to {TOOLS}: once"));
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--silent",
    ]);
    workspace::run(&mut npm)
}

/// Makes a virtual environment with the packages.
fn python(source: &Path, environment: &Path) -> Result {
    let name = "requirements.txt";
    let requirements = source.join(name);
    if is_same(&requirements, &environment.join(name)) {
        return Ok(());
    }
    let remedy = "the benchmark needs Python 3.10 or later with venv and pip (Debian: apt-get install python3-venv)";
    require("python3", &["-c", PYTHON_CHECK], remedy)?;
    say(&format!("installing the Python forwarder to {TOOLS}: once"));
    let mut venv = Command::new("python3");
    workspace::run(venv.args(["-m", "venv", "--clear"]).arg(environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .arg("-r")
    .arg(&requirements);
    workspace::run(&mut pip)?;
    // Last: the copy says that the packages are complete.
    copy(&requirements, &environment.join(name))
}

/// Exits with an error in a Python that lacks a module, or that aiohttp does
/// not run on.
const PYTHON_CHECK: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// Returns whether both files exist and have the same content.
fn is_same(one: &Path, other: &Path) -> bool {
    let contents = fs::read(one).ok().zip(fs::read(other).ok());
    contents.is_some_and(|(one, other)| one == other)
}

fn copy(from: &Path, to: &Path) -> Result {
    to.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::copy(from, to))
        .map(drop)
        .map_err(|e| format!("cannot copy {} to {}: {e}", from.display(), to.display()))
}
