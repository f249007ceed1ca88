//! The components that the tests use, built by `cargo xtask guests`.

use std::path::{Path, PathBuf};

/// Returns the path of a component from this repository.
pub fn guest(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/guests")
        .join(format!("{name}.wasm"));
    assert!(
        path.exists(),
        "{} is missing: run the tests with `cargo xtask test`, which builds it",
        path.display()
    );
    path.canonicalize().expect("a path")
}
