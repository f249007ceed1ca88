//! The components that the tests use, as `cargo xtask guests` left them.

use std::path::{Path, PathBuf};

/// The path of a component that was built from this repository.
pub fn guest(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/guests")
        .join(format!("{name}.wasm"));
    assert!(
        path.exists(),
        "{} is not there: `cargo xtask test` builds it, and runs the tests",
        path.display()
    );
    path.canonicalize().expect("a path")
}
