//! The example in JavaScript: its own script fetches componentize-js with npm,
//! and makes a component with it.

use std::path::Path;

use super::{example, need};
use crate::Result;

const FOLDER: &str = "examples/handler/javascript";
const FILES: [&str; 3] = ["orders.js", "package.json", "package-lock.json"];

/// Builds it where it is out of date.
pub fn ensure(root: &Path) -> Result {
    let remedy = "the tests need npm and Node.js 20 or later (Debian: apt-get install npm; or from nodejs.org)";
    need("npm", &["--version"], remedy)?;
    need("node", &["--version"], remedy)?;
    let wit = root.join("wit/handler");
    example(root, FOLDER, "orders-javascript", &FILES, &[wit])
}
