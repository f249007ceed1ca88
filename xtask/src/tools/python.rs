//! componentize-py, in a virtual environment in target/tools/python, and the
//! Python components that it builds. The environment also has a validator for
//! JSON Schema.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{build_example, is_newer, require};
use crate::workspace::{self, say};
use crate::{Result, guests};

pub const PACKAGE: &str = "componentize-py==0.25.1";

/// Validates the JSON Schema of configs, and configs against it.
const VALIDATOR: &str = "jsonschema==4.26.0";

/// The example whose build script uses the same environment.
const EXAMPLE: &str = "examples/handler/python";
/// The folder of the other sources; each is in a folder with the name of its
/// component.
const SOURCES: &str = "bridge-host/tests/guests";
/// The components and their worlds.
const COMPONENTS: [(&str, &str); 2] = [
    ("python-middleware", "middleware"),
    ("python-handler", "http-handler"),
];

/// Installs the tool if it is missing, and builds what is out of date.
pub fn ensure(root: &Path) -> Result {
    let environment = root.join("target/tools/python");
    let tool = environment.join("bin/componentize-py");
    let version = workspace::output(Command::new(&tool).arg("--version"));
    if !version.is_ok_and(|text| text.trim() == PACKAGE.replace("==", " ")) {
        install(&environment)?;
    }
    let validator = ["-c", "import jsonschema"];
    let python = environment.join("bin/python");
    if workspace::output(Command::new(python).args(validator)).is_err() {
        pip(&environment, VALIDATOR)?;
    }
    for (name, world) in COMPONENTS {
        let component = guests::folder(root).join(format!("{name}.wasm"));
        let source = root.join(SOURCES).join(name);
        if !is_newer(
            &component,
            &[source.clone(), root.join("wit"), tool.clone()],
        ) {
            build(root, &tool, &source, world, &component)?;
        }
    }
    let more = [root.join("wit"), tool];
    build_example(root, EXAMPLE, "orders-python", &["app.py"], &more)
}

fn install(environment: &Path) -> Result {
    let remedy = "the tests need Python 3 with venv and pip (Debian: apt-get install python3-venv)";
    require("python3", &["-c", "import venv, ensurepip"], remedy)?;
    say(&format!(
        "installing {PACKAGE} to target/tools/python: once"
    ));
    workspace::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(environment),
    )?;
    pip(environment, PACKAGE)
}

fn pip(environment: &Path, package: &str) -> Result {
    workspace::run(Command::new(environment.join("bin/python")).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        package,
    ]))
}

fn build(root: &Path, tool: &Path, source: &Path, world: &str, component: &Path) -> Result {
    let name = component.file_stem().unwrap_or_default();
    say(&format!(
        "building target/guests/{}.wasm: 10 to 20 seconds",
        name.display()
    ));
    let unwritable = |e| format!("cannot write target/guests: {e}");
    fs::create_dir_all(guests::folder(root)).map_err(unwritable)?;
    // A copy, because Python writes bytecode beside the files that it reads.
    let app = root.join("target/tools").join(name);
    fs::create_dir_all(&app)
        .and_then(|()| fs::copy(source.join("app.py"), app.join("app.py")))
        .map_err(|e| format!("cannot copy {}/app.py: {e}", source.display()))?;
    // Renamed at the end, so that an interrupted build leaves no incomplete
    // component.
    let half = component.with_extension("half");
    workspace::run(
        Command::new(tool)
            .current_dir(root)
            .args(["-d", "wit", "-w", world, "--quiet", "componentize", "app"])
            .args(["--python-path"])
            .arg(&app)
            .arg("--output")
            .arg(&half),
    )?;
    fs::rename(&half, component).map_err(unwritable)
}
