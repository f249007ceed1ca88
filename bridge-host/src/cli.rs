//! The command line: parses commands and arguments, and returns the exit code. Each
//! command is a file. What a command does is in the modules below.

mod adapter;
mod check;
mod completions;
mod componentize;
mod compose;
mod dead_letters;
mod forward;
mod init;
mod inspect;
mod ledger;
mod log;
mod man;
mod new;
mod output;
mod publish;
mod receive;
mod report;
mod run;
mod schema;
mod store;
mod token;

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{CommandFactory, Parser, Subcommand};
use tracing::Level;

use crate::schema::Words;

/// Delivers messages from a broker to HTTP endpoints, through WebAssembly components.
#[derive(Parser)]
#[command(
    name = "bridge-host",
    version,
    max_term_width = 100,
    after_help = "Example:\n    bridge-host forward 'orders.>' http://127.0.0.1:9000/hooks"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Log this level and more severe ones; overrides `log.level` in the config
    #[arg(long, global = true, value_name = "LEVEL",
          value_parser = PossibleValuesParser::new(Level::words()))]
    log_level: Option<String>,
}

impl Cli {
    fn level(&self) -> Option<Level> {
        let given = self.log_level.as_deref()?;
        let found = Level::WORDS.iter().find(|(word, _)| *word == given);
        found.map(|(_, level)| *level)
    }
}

#[derive(Subcommand)]
enum Command {
    Forward(forward::Args),
    Run(run::Args),
    Check(check::Args),
    Init(init::Args),
    Publish(publish::Args),
    Receive(receive::Args),
    Compose(compose::Args),
    Inspect(inspect::Args),
    Adapter(adapter::Args),
    New(new::Args),
    Componentize(componentize::Args),
    Ledger(ledger::Args),
    DeadLetters(dead_letters::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Returns the definition of the command line, for what describes or checks it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command of this process's arguments. Returns exit code 0 for success, 1 for a
/// failure, 2 for wrong usage, and 78 for a config with errors.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let level = cli.level();
    match cli.command {
        Command::Forward(args) => forward::run(&args, level),
        Command::Run(args) => run::run(&args, level),
        Command::Check(args) => check::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Publish(args) => publish::run(args),
        Command::Receive(args) => receive::run(args),
        Command::Compose(args) => compose::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Adapter(args) => adapter::run(&args),
        Command::New(args) => new::run(&args),
        Command::Componentize(args) => componentize::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::DeadLetters(args) => dead_letters::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    }
}
