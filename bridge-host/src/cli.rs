//! The command line: which command, with which arguments, and what its end
//! tells the shell. A command is a file; what it does is in the rooms below.

mod adapter;
mod check;
mod componentize;
mod compose;
mod deadletters;
mod forward;
mod inspect;
mod ledger;
mod log;
mod new;
mod output;
mod publish;
mod receive;
mod report;
mod run;
mod store;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Carries messages to HTTP, through WebAssembly components.
#[derive(Parser)]
#[command(name = "bridge-host", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Forward(forward::Args),
    Run(run::Args),
    Check(check::Args),
    Publish(publish::Args),
    Receive(receive::Args),
    Compose(compose::Args),
    Inspect(inspect::Args),
    Adapter(adapter::Args),
    New(new::Args),
    Componentize(componentize::Args),
    Ledger(ledger::Args),
    Deadletters(deadletters::Args),
}

/// Runs the command that the process was started with. Exit 0: done, 1: it
/// failed, 2: no such usage, 78: the config has faults.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Forward(args) => forward::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Publish(args) => publish::run(args),
        Command::Receive(args) => receive::run(args),
        Command::Compose(args) => compose::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Adapter(args) => adapter::run(&args),
        Command::New(args) => new::run(&args),
        Command::Componentize(args) => componentize::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::Deadletters(args) => deadletters::run(&args),
    }
}
