//! `bridge-host receive`: an endpoint for tests, which shows requests and can fail or delay
//! its answers. Serving them is in `server`.

mod args;
mod behaviour;
mod counts;
mod error;
mod record;
mod server;
mod show;
mod values;
mod view;

use std::process::ExitCode;

use super::report;
pub(super) use args::Args;
use error::Error;

pub(super) fn run(args: Args) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report::failure(&Error::Start(error)),
    };
    match runtime.block_on(server::serve(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}
