//! The command line tool: all of it is in `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bridge_host::cli::main()
}
