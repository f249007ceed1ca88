//! `bridge-host completions`: prints the completion script of a shell. The commands are
//! declared in `cli`.

use std::process::ExitCode;

use super::{output, report};

/// Print the completion script of a shell
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n    bridge-host completions bash > ~/.local/share/bash-completion/completions/bridge-host"
)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args, mut command: clap::Command) -> ExitCode {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    match output::text(&String::from_utf8_lossy(&script)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}
