//! What docs/ repeats of the program: the page of commands, the texts of errors and
//! the names of tests. Links and examples of the documentation are not checked here.

mod cli_page;
mod quoted;

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns a page of docs/.
fn page(name: &str) -> String {
    let file = root().join("docs").join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
