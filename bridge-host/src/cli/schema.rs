//! `bridge-host schema`: prints the JSON Schema of a config. The settings are declared in
//! the modules that use them.

use std::process::ExitCode;

use serde_json::Value;

use super::{output, report};
use crate::config::CONFIG;
use crate::schema::json_schema;

/// The name of the schema's file beside a config.
pub(super) const FILE: &str = "bridge.schema.json";

/// Print the JSON Schema of a config file, with which editors complete and check it
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host schema > bridge.schema.json")]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> ExitCode {
    match output::json(&schema(), true) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

/// Returns the schema that the command prints.
pub(super) fn schema() -> Value {
    json_schema(CONFIG, "The config of bridge-host")
}
