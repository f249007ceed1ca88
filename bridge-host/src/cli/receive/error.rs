//! The errors of `bridge-host receive`. `report` prints them.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the endpoint does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot listen on {0}: {1}; set another address with --address")]
    Listen(SocketAddr, io::Error),
    #[error("cannot write to {}: {}", .0.display(), .1)]
    Write(PathBuf, io::Error),
    #[error("cannot start: {0}")]
    Start(io::Error),
}
