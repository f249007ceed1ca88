//! Includes an example from the package that publishes it, which cargo has
//! fetched, so that this repository contains no copy.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A crate of this workspace, the package with its example, and the example.
const EXAMPLES: [(&str, &str, &str); 3] = [
    ("wasip3-handler", "wasip3", "http-proxy"),
    ("wstd-http-server", "wstd", "http_server"),
    ("wstd-http-server-proxy", "wstd", "http_server_proxy"),
];

fn main() {
    let this = std::env::var("CARGO_PKG_NAME").expect("cargo sets it");
    let (_, package, example) = EXAMPLES
        .into_iter()
        .find(|(name, ..)| *name == this)
        .expect("it is listed here");
    let source = folder_of(package).join("examples").join(example).with_extension("rs");
    let text = std::fs::read_to_string(&source).expect("the package has its examples");
    // Documentation of a file cannot be included in another.
    let kept = text.lines().filter(|line| !line.starts_with("//!"));
    let kept: String = kept.flat_map(|line| [line, "\n"]).collect();
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it"));
    std::fs::write(out.join("example.rs"), kept).expect("a file");
    println!("cargo::rerun-if-changed=../example.rs");
}

/// Returns the folder in which cargo keeps the sources of a dependency.
fn folder_of(package: &str) -> PathBuf {
    let cargo = std::env::var("CARGO").expect("cargo sets it");
    let metadata = Command::new(cargo)
        .args(["metadata", "--format-version", "1"])
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(metadata.stdout).expect("JSON");
    let manifests = text.split("\"manifest_path\":\"").skip(1);
    let paths = manifests.filter_map(|rest| Path::new(rest.split('"').next()?).parent());
    let is_it = |path: &&Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        let version = name.and_then(|name| name.strip_prefix(package)?.strip_prefix('-'));
        version.is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut paths = paths.filter(is_it);
    paths.next().expect("it is a dependency").to_owned()
}
