//! Checks by its first bytes whether a file is a component. Its exports stay out: they
//! are checked when it is loaded.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::files;
use crate::schema::{Declaration, PathKind, Rejection, path_to};

/// The beginning of all binary WebAssembly.
const MAGIC: &[u8] = b"\0asm";
/// The version that follows in a core module, and in a component.
const MODULE: &[u8] = &[1, 0, 0, 0];
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];

/// The path of a component.
pub(super) const FILE: Declaration<PathBuf> = path_to(&PathKind {
    name: "component",
    check,
});

/// Returns why a file is not a component.
fn check(path: &Path) -> Result<(), Rejection> {
    let shown = path.display();
    let start = start_of(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Rejection::new(
            format!("there is no file {shown}"),
            "paths begin at the folder of the config file",
        ),
        _ => Rejection::new(
            format!("cannot read {shown}: {error}"),
            "the file must be a component that the user of this process can read",
        ),
    })?;
    match start.strip_prefix(MAGIC) {
        Some(version) if version.starts_with(COMPONENT) => Ok(()),
        Some(version) => Err(wrong_version(path, version)),
        None => Err(no_wasm(path, &start)),
    }
}

fn start_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    files::open(path)?.take(64).read_to_end(&mut start)?;
    Ok(start)
}

fn wrong_version(path: &Path, version: &[u8]) -> Rejection {
    let shown = path.display();
    match version.starts_with(MODULE) {
        true => Rejection::new(
            format!("{shown} is a core WebAssembly module, not a component"),
            format!(
                "build it for wasm32-wasip2, or run: bridge-host componentize {shown} -o OUT.wasm"
            ),
        ),
        false => Rejection::new(
            format!("{shown} is WebAssembly of an unknown version"),
            "build it with tools for WASI 0.2",
        ),
    }
}

fn no_wasm(path: &Path, start: &[u8]) -> Rejection {
    let shown = path.display();
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start();
    if start.is_empty() {
        let help = "build the component again";
        return Rejection::new(format!("{shown} is empty"), help);
    }
    if text.starts_with("(component") || text.starts_with("(module") || text.starts_with(";;") {
        return Rejection::new(
            format!("{shown} is WebAssembly text, not a component"),
            format!("run: wasm-tools parse {shown} -o OUT.wasm"),
        );
    }
    if text.starts_with("package ") {
        return Rejection::new(
            format!("{shown} is a wac or WIT file, not a component"),
            format!("run: wac compose {shown} -o OUT.wasm"),
        );
    }
    let what = match std::str::from_utf8(start) {
        Ok(_) => "a text file",
        Err(error) if error.error_len().is_none() => "a text file",
        Err(_) => "a file of another type",
    };
    Rejection::new(
        format!("{shown} is {what}, not a component"),
        "name the .wasm file of a component",
    )
}
