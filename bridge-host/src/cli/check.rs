//! `bridge-host check`: prints every error in a config, or its effective settings. Reading
//! and checking the config is in `config`.

mod broker;
mod inspect;
mod lines;
mod show;
mod stores;
mod view;

pub(super) use inspect::inspected;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::output::{self, OutputError};
use super::report;
use crate::config::{self, ComponentTopics, Config, Fault};

/// Print every error in a config; for a valid config, the settings that differ from the
/// defaults
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host check bridge.toml")]
pub(super) struct Args {
    /// The config file
    #[arg(default_value = config::DEFAULT_FILE)]
    config: PathBuf,
    /// Print one JSON object with all settings, for programs
    #[arg(long)]
    json: bool,
    /// Print all settings, and the waits between attempts
    #[arg(long, short, conflicts_with = "json")]
    verbose: bool,
}

pub(super) fn run(args: &Args) -> ExitCode {
    match (inspected(&args.config), args.json) {
        (Ok((config, component_topics)), true) => valid_json(&config, &component_topics),
        (Ok((config, component_topics)), false) => {
            let view = view::View::of(&config, &component_topics);
            ended(output::text(&show::show(&args.config, &view, args.verbose)))
        }
        (Err(faults), true) => errors_json(&faults),
        (Err(faults), false) => report::faults(&faults),
    }
}

fn valid_json(config: &Config, component_topics: &ComponentTopics) -> ExitCode {
    let view = view::View::of(config, component_topics);
    ended(output::json(
        &json!({ "valid": true, "config": view }),
        true,
    ))
}

fn ended(shown: Result<(), OutputError>) -> ExitCode {
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

fn errors_json(faults: &[Fault]) -> ExitCode {
    let fault = |fault: &Fault| {
        let location = fault.location.as_ref();
        json!({
            "file": location.map(|location| &*location.file),
            "line": location.map(|location| location.line),
            "column": location.map(|location| location.column),
            "what": fault.what,
            "help": fault.help,
        })
    };
    let faults: Vec<_> = faults.iter().map(fault).collect();
    match output::json(&json!({ "valid": false, "errors": faults }), true) {
        Ok(()) => report::bad_config(),
        Err(error) => report::failure(&error),
    }
}
