//! The `bridge-host` program. Everything it does is in `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bridge_host::cli::main()
}
