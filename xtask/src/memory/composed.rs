//! Many messages through one composed file: a filter, the asynchronous adapter,
//! an HTTP middleware and a handler, in one instance. Memory must not grow, and
//! an instance that rests must hold no resources.

use std::fs;
use std::path::Path;

use super::{build, fresh, number, run as bridge};
use crate::process;
use crate::workspace::{self, say};
use crate::{Result, guests};

/// The components, outermost first.
const PARTS: [&str; 3] = ["async-filter", "auth", "async-orders"];

/// Runs it, and fails where memory grew or resources are left.
pub fn run(root: &Path, count: &str) -> Result {
    let count = number(count)?;
    let binary = build(root)?;
    guests::build(root, &PARTS)?;
    let folder = fresh(root, "composed")?;
    let parts = PARTS.map(|part| guests::folder(root).join(part).with_extension("wasm"));
    let mut compose = process::command(&binary, &folder);
    workspace::run(
        compose
            .arg("compose")
            .args(parts)
            .args(["-o", "whole.wasm"]),
    )?;
    let intake = process::free_address()?;
    let file = folder.join("bridge.toml");
    let config = config(&intake.to_string());
    fs::write(&file, config).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    say(&format!("composed: {count} messages of 1 KB, 64 in flight"));
    if !bridge::run(&binary, &folder, intake, count)? {
        return Err("memory grew in the composition".into());
    }
    rested(&folder)
}

fn config(intake: &str) -> String {
    format!(
        "intake = {{ address = \"{intake}\" }}\nlog = {{ level = \"debug\" }}\n\
         [[subscriptions]]\nname = \"memory\"\ntopics = [\"load.>\"]\n\
         component = \"whole.wasm\"\nmax_in_flight = 64\n\
         settings = {{ minimum = \"100\", token = \"good\" }}\n\
         [subscriptions.to]\nurl = \"http://composed.internal/orders\"\n\
         headers = {{ authorization = \"Bearer good\" }}\n"
    )
}

/// What the log tells of the instances that came to rest.
fn rested(folder: &Path) -> Result {
    let file = folder.join("bridge.log");
    let log =
        fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    let rests: Vec<&str> = log
        .lines()
        .filter(|it| it.contains("an instance rests"))
        .collect();
    let holding = rests
        .iter()
        .filter(|line| line.contains("holds=true"))
        .count();
    println!(
        "  instances that came to rest: {}, with resources left: {holding}",
        rests.len()
    );
    match (rests.len(), holding) {
        (0, _) => Err("no instance came to rest".into()),
        (_, 0) => Ok(()),
        _ => Err("resources are left in an instance that rests".into()),
    }
}
