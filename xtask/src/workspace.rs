//! The workspace as cargo sees it, and commands run in it with their output
//! shown. Which commands, and why, is the other files' matter.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Result;

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Says what is being done, apart from what the tools say.
pub fn say(text: &str) {
    eprintln!("==> {text}");
}

/// The cargo that runs this, in the workspace.
pub fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Everything here is found under target/.
    cargo.current_dir(root).env_remove("CARGO_TARGET_DIR");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(describes_a_package) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The cargo that runs xtask describes xtask in these variables. Crates whose build scripts read
/// them, such as ring, would be built again after each change between `cargo` and `cargo xtask`.
fn describes_a_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// The same packages and so the same features for tests, demo and benchmark:
/// otherwise cargo would build wasmtime once for each of them.
pub fn native(cargo: &mut Command, guests: &[String]) {
    cargo.arg("--workspace");
    for guest in guests {
        cargo.args(["--exclude", guest]);
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Result {
    let status = command
        .status()
        .map_err(|e| format!("cannot run `{}`: {e}", shown(command)))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!(
            "`{}` failed ({status}): its own words are above",
            shown(command)
        )),
    }
}

/// Runs a command to its end, and gives what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .map_err(|e| format!("cannot run `{}`: {e}", shown(command)))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{}` failed: {}", shown(command), words.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The guest crates: the members of the workspace that are made as a `cdylib`,
/// which is what makes a component and nothing else here.
pub fn guests(root: &Path) -> Result<Vec<String>> {
    let text = output(cargo(root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value =
        serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
    let packages = metadata["packages"].as_array();
    let mut guests: Vec<String> = packages
        .into_iter()
        .flatten()
        .filter(|package| is_guest(package))
        .filter_map(|package| package["name"].as_str().map(String::from))
        .collect();
    guests.sort();
    match guests.is_empty() {
        true => Err("the workspace has no guest: no member has crate-type `cdylib`".into()),
        false => Ok(guests),
    }
}

fn is_guest(package: &Value) -> bool {
    let targets = package["targets"].as_array().into_iter().flatten();
    let mut kinds = targets
        .filter_map(|target| target["kind"].as_array())
        .flatten();
    kinds.any(|kind| kind == "cdylib")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_nested_cargo_is_not_told_which_package_runs_it() {
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        let cargo = cargo(&root());
        let removed = |name| cargo.get_envs().any(|it| it == (OsStr::new(name), None));
        assert!(removed("CARGO_PKG_NAME"));
        assert!(removed("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_cdylib_is_a_guest() {
        let package = |kinds: &[&str]| serde_json::json!({"targets": [{"kind": kinds}]});
        assert!(is_guest(&package(&["cdylib"])));
        assert!(is_guest(&package(&["cdylib", "rlib"])));
        assert!(!is_guest(&package(&["lib"])));
    }

    #[test]
    fn the_adapter_is_among_the_guests() {
        let guests = guests(&root()).unwrap();
        assert!(guests.contains(&"forward".into()), "{guests:?}");
        assert!(!guests.contains(&"bridge-host".into()), "{guests:?}");
    }
}
