//! The handlers in JavaScript: the scripts beside them fetch componentize-js with
//! npm, and make components with it.

use std::path::Path;

use super::{example, need};
use crate::Result;

const FOLDER: &str = "examples/handler/javascript";
const FILES: [&str; 3] = ["orders.js", "package.json", "package-lock.json"];

/// A stranger's: the script takes it out of a package.
const STRANGER: &str = "bridge-host/tests/strangers/jco-handler";

/// Builds them where they are out of date.
pub fn ensure(root: &Path) -> Result {
    let remedy = "the tests need npm and Node.js 20 or later (Debian: apt-get install npm; or from nodejs.org)";
    need("npm", &["--version"], remedy)?;
    need("node", &["--version"], remedy)?;
    let wit = root.join("wit/handler");
    let more = [wit];
    example(root, FOLDER, "orders-javascript", &FILES, &more)?;
    example(root, STRANGER, "jco-handler", &FILES[1..], &more)
}
