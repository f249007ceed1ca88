//! Sends many messages through one composed file: a filter, the asynchronous
//! adapter, an HTTP middleware and a handler, in one instance. Memory must not
//! grow, and an idle instance must hold no resources.

use std::fs;
use std::path::Path;

use super::{build, empty_folder, parse_count, run as bridge};
use crate::process;
use crate::workspace::{self, say};
use crate::{Result, guests};

/// The components, outermost first.
const PARTS: [&str; 3] = ["async-filter", "auth", "async-orders"];

/// Measures. Fails if memory grew or an idle instance holds resources.
pub fn run(root: &Path, count: &str) -> Result {
    let count = parse_count(count)?;
    let binary = build(root)?;
    guests::build(root, &PARTS)?;
    let folder = empty_folder(root, "composed")?;
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
    check_idle_instances(&folder)
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

/// Reads from the log whether idle instances hold resources.
fn check_idle_instances(folder: &Path) -> Result {
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
        "  idle instances: {}, of which {holding} hold resources",
        rests.len()
    );
    match (rests.len(), holding) {
        (0, _) => Err("no instance became idle".into()),
        (_, 0) => Ok(()),
        _ => Err("an idle instance holds resources".into()),
    }
}
