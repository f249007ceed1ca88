//! `cargo xtask test`: everything, on a machine that had Rust and nothing
//! else. A test never skips: what it needs is brought here.

use std::path::Path;
use std::time::Instant;

use crate::workspace::{self, say};
use crate::{Result, guests, tools};

/// Builds the components, brings the tools, and runs the tests whose names
/// hold `filter`.
pub fn run(root: &Path, filter: Option<&str>) -> Result {
    let began = Instant::now();
    let packages = workspace::guests(root)?;
    guests::build(root, &packages)?;
    tools::ensure(root)?;
    say("building and running the tests: wasmtime takes minutes the first time");
    let mut test = workspace::cargo(root);
    test.arg("test");
    workspace::native(&mut test, &packages);
    test.args(filter);
    let result = workspace::run(&mut test);
    let seconds = began.elapsed().as_secs();
    let which = filter.map_or("every test".into(), |filter| {
        format!("every test named *{filter}*")
    });
    match result {
        Ok(()) => say(&format!("{which} passed, in {seconds} s")),
        Err(_) => say(&format!("some tests failed, in {seconds} s")),
    }
    result
}
