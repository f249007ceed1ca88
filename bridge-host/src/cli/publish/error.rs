//! The errors of `bridge-host publish`. `report` prints them.

use std::path::PathBuf;

use http::Uri;

use crate::broker::OpenError;
use crate::cli::output::OutputError;
use crate::cli::token::TokenError;
use crate::http::SettingsError;

/// Why messages were not published.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot read {}: {}", .0.display(), .1)]
    Read(PathBuf, std::io::Error),
    #[error("cannot read standard input: {0}")]
    Stdin(std::io::Error),
    #[error("nothing to publish: give the data as an argument, with --file, or on standard input")]
    NoData,
    #[error("{0:?} is not a message id: {1}")]
    Id(String, crate::message::IdError),
    #[error("{0} is not the URL of a bridge: use a URL such as http://127.0.0.1:8484")]
    To(Uri),
    #[error(
        "no bridge listens at {0}: start one with `bridge-host run`, or with `bridge-host forward TOPIC URL`; --wait waits for it"
    )]
    NotListening(Uri),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Client(#[from] SettingsError),
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Unanswered(crate::http::HttpError),
    #[error("no connection is named {0:?}; the config has {1}")]
    NoConnection(String, String),
    #[error("the connection {0:?} cannot be opened: {1}")]
    Open(String, OpenError),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("{0} of {1} lines were not published")]
    Failed(u64, u64),
}
