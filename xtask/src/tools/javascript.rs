//! The handlers in JavaScript. Their build scripts fetch componentize-js with npm
//! and make components with it.

use std::path::Path;

use super::{build_example, require};
use crate::Result;

const FOLDER: &str = "examples/handler/javascript";
const FILES: [&str; 3] = ["orders.js", "package.json", "package-lock.json"];

/// A third-party handler: its script takes it from a package.
const JCO_HANDLER: &str = "bridge-host/tests/third_party/jco-handler";

/// Builds the handlers that are out of date.
pub fn ensure(root: &Path) -> Result {
    let remedy = "the tests need npm and Node.js 20 or later (Debian: apt-get install npm; or from nodejs.org)";
    require("npm", &["--version"], remedy)?;
    require("node", &["--version"], remedy)?;
    let wit = root.join("wit/handler");
    let more = [wit];
    build_example(root, FOLDER, "orders-javascript", &FILES, &more)?;
    build_example(root, JCO_HANDLER, "jco-handler", &FILES[1..], &more)
}
