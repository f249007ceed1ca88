//! `cargo xtask demo`.
use crate::Result;
use std::path::Path;
/// Runs it.
pub fn run(_root: &Path) -> Result {
    Err("not yet".into())
}
