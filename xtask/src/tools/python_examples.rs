//! The HTTP handlers among the examples of componentize-py, from its source
//! package: third-party handlers that stream.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{is_newer, python};
use crate::workspace::{self, say};
use crate::{Result, guests};

/// The components, their examples and their worlds.
const COMPONENTS: [(&str, &str, &str); 2] = [
    ("python-http", "http", "wasi:http/proxy@0.2.0"),
    ("python-http-p3", "http-p3", "wasi:http/service@0.3.0"),
];

/// Builds the components that are out of date, in the environment that
/// `python::ensure` creates.
pub fn ensure(root: &Path) -> Result {
    let source = source_package(root)?;
    for (name, example, world) in COMPONENTS {
        let component = guests::folder(root).join(format!("{name}.wasm"));
        if !is_newer(&component, &[source.join("PKG-INFO")]) {
            say(&format!(
                "building target/guests/{name}.wasm, an example of componentize-py: 10 to 20 seconds"
            ));
            let folder = source.join("examples").join(example);
            build(root, &folder, world, &component)?;
        }
    }
    Ok(())
}

/// Fetches the source package, once for each version, and returns its folder.
fn source_package(root: &Path) -> Result<PathBuf> {
    let tools = root.join("target/tools");
    let name = python::PACKAGE.replace("==", "-").replace('_', "-");
    let name = name.replacen("componentize-py", "componentize_py", 1);
    let source = tools.join(&name);
    if source.join("PKG-INFO").exists() {
        return Ok(source);
    }
    say(&format!(
        "fetching the source package of {} to target/tools: once",
        python::PACKAGE
    ));
    let program = tools.join("python/bin/python");
    let mut pip = Command::new(&program);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--disable-pip-version-check", "--no-binary"])
        .args([
            python::PACKAGE.split("==").next().unwrap_or_default(),
            "--dest",
        ])
        .arg(&tools)
        .arg(python::PACKAGE);
    workspace::run(&mut pip)?;
    let mut unpack = Command::new(&program);
    unpack.args(["-m", "tarfile", "-e"]);
    unpack.arg(tools.join(format!("{name}.tar.gz"))).arg(&tools);
    workspace::run(&mut unpack)?;
    Ok(source)
}

fn build(root: &Path, folder: &Path, world: &str, component: &Path) -> Result {
    let half = component.with_extension("half");
    workspace::run(
        Command::new(root.join("target/tools/python/bin/componentize-py"))
            .current_dir(folder)
            .args(["-d", "../../wit", "-w", world, "--quiet"])
            .args(["componentize", "app", "--output"])
            .arg(&half),
    )?;
    fs::rename(&half, component).map_err(|e| format!("cannot write target/guests: {e}"))
}
