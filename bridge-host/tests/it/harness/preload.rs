//! Libraries that replace functions of the system's libraries, for conditions
//! that a test cannot cause otherwise.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles a library from C source into a folder. A process loads it if
/// `LD_PRELOAD` names it.
pub fn preload(folder: &Path, name: &str, source: &str) -> PathBuf {
    let written = folder.join(format!("{name}.c"));
    std::fs::write(&written, source).expect("a file");
    let library = folder.join(format!("{name}.so"));
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &written])
        .status();
    assert!(compiled.expect("cc, as Rust needs it").success());
    library
}
