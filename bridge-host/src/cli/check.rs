//! `bridge-host check`: all faults of a config, or what it comes to.

mod broker;
mod broker_lines;
mod inspect;
mod lines;
mod show;
mod view;

pub(super) use inspect::inspect;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::report;
use crate::config::{self, Config, Fault, ProcessEnvironment};

/// Say everything that is wrong with a config; or, when nothing is, what it
/// comes to: policies, statuses, limits, the waits between attempts
#[derive(clap::Args)]
pub(super) struct Args {
    /// The config file
    #[arg(default_value = config::DEFAULT_FILE)]
    config: PathBuf,
    /// For machines: one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let config = config::load(&args.config, &ProcessEnvironment, &inspect);
    match (config, args.json) {
        (Ok(config), true) => sound_json(&config),
        (Ok(config), false) => {
            print!("{}", show::show(&args.config, &view::View::of(&config)));
            ExitCode::SUCCESS
        }
        (Err(faults), true) => faults_json(&faults),
        (Err(faults), false) => report::faults(&faults),
    }
}

fn sound_json(config: &Config) -> ExitCode {
    println!(
        "{:#}",
        json!({ "sound": true, "config": view::View::of(config) })
    );
    ExitCode::SUCCESS
}

fn faults_json(faults: &[Fault]) -> ExitCode {
    let fault = |fault: &Fault| {
        let place = fault.place.as_ref();
        json!({
            "file": place.map(|place| &*place.file),
            "line": place.map(|place| place.line),
            "column": place.map(|place| place.column),
            "what": fault.what,
            "help": fault.help,
        })
    };
    let faults: Vec<_> = faults.iter().map(fault).collect();
    println!("{:#}", json!({ "sound": false, "faults": faults }));
    report::bad_config()
}
