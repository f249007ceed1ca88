//! The HTTP handler from the README of the spin-sdk package for Python: a
//! third-party handler.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::is_newer;
use crate::workspace::{self, say};
use crate::{Result, guests};

const NAME: &str = "spin_sdk";
const VERSION: &str = "5.0.0";

/// The world that the example needs. The SDK's own world imports interfaces that
/// only Spin provides.
const WORLD: &str = "wasi:http/service@0.3.0";

/// Builds the handler if it is out of date, in the environment that
/// `python::ensure` creates.
pub fn ensure(root: &Path) -> Result {
    let tools = root.join("target/tools");
    let packages = tools.join("spin-sdk");
    let about = packages.join(format!("{NAME}-{VERSION}.dist-info/METADATA"));
    if !about.exists() {
        fetch(&tools, &packages)?;
    }
    let component = guests::folder(root).join("python-spin.wasm");
    if is_newer(&component, std::slice::from_ref(&about)) {
        return Ok(());
    }
    say("building target/guests/python-spin.wasm, the example of spin-sdk: 10 to 20 seconds");
    let text = fs::read_to_string(&about).map_err(|e| format!("spin-sdk has no README: {e}"))?;
    let example = example(&text).ok_or("the README of spin-sdk no longer has an app.py")?;
    let app = tools.join("python-spin");
    fs::create_dir_all(&app)
        .and_then(|()| fs::write(app.join("app.py"), example))
        .map_err(|e| format!("cannot write {}: {e}", app.display()))?;
    build(&tools, &packages, &app, &component)
}

fn fetch(tools: &Path, packages: &Path) -> Result {
    say(&format!(
        "fetching spin-sdk {VERSION} to target/tools: once"
    ));
    let mut pip = Command::new(tools.join("python/bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"])
        .args(["--disable-pip-version-check", "--target"])
        .arg(packages)
        .arg(format!("spin-sdk=={VERSION}"));
    workspace::run(&mut pip)
}

/// Returns the app.py that the README shows.
fn example(readme: &str) -> Option<&str> {
    let (_, rest) = readme.split_once("cat >app.py <<EOF\n")?;
    rest.split_once("EOF\n").map(|(example, _)| example)
}

fn build(tools: &Path, packages: &Path, app: &Path, component: &Path) -> Result {
    let half = component.with_extension("half");
    workspace::run(
        Command::new(tools.join("python/bin/componentize-py"))
            .current_dir(app)
            .env("PYTHONPATH", packages)
            .args(["-w", WORLD, "--quiet", "componentize", "app"])
            .args(["--python-path", "."])
            .arg("--python-path")
            .arg(packages)
            .arg("--output")
            .arg(&half),
    )?;
    fs::rename(&half, component).map_err(|e| format!("cannot write target/guests: {e}"))
}
