//! The cargo workspace, and commands run in it. What the commands are for is the
//! caller's business.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Result;

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Prints what the command is doing, marked apart from the output of other tools.
pub fn say(text: &str) {
    eprintln!("==> {text}");
}

/// Returns the cargo that runs this task, in the workspace.
pub fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Tests and tools expect their files under target/.
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

/// Selects all packages but the guests. Tests, demo and memory check use the same
/// packages and so the same features: otherwise cargo would build wasmtime once
/// for each of them.
pub fn select_native(cargo: &mut Command, guests: &[String]) {
    cargo.arg("--workspace");
    for guest in guests {
        cargo.args(["--exclude", guest]);
    }
}

/// Runs a command, and fails if the command does.
pub fn run(command: &mut Command) -> Result {
    let status = command
        .status()
        .map_err(|e| format!("cannot run `{}`: {e}", command_line(command)))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!(
            "`{}` failed ({status}): see its output above",
            command_line(command)
        )),
    }
}

/// Runs a command, and returns its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .map_err(|e| format!("cannot run `{}`: {e}", command_line(command)))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "`{}` failed: {}",
            command_line(command),
            words.trim()
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns the names of the guest crates: the workspace members of type `cdylib`.
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
