//! `bridge-host schema`: the JSON Schema of a config, for editors. The settings
//! themselves are declared by their rooms.

use std::process::ExitCode;

use serde_json::Value;

use super::{output, report};
use crate::config::CONFIG;
use crate::schema::json_schema;

/// What the schema is called beside a config.
pub(super) const FILE: &str = "bridge.schema.json";

/// Print the JSON Schema of a config file, with which editors complete and check it
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> ExitCode {
    match output::json(&schema(), true) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

/// The schema as it is printed.
pub(super) fn schema() -> Value {
    json_schema(CONFIG, "The config of bridge-host")
}
