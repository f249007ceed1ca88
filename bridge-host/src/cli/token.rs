//! Reads a token from a file that an argument names. Tokens in a config stay out: `schema`
//! reads them.

use std::io;
use std::path::{Path, PathBuf};

use crate::files;
use crate::listener::is_valid_token;
use crate::secret::Secret;

/// Why a file has no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    /// The file cannot be read.
    #[error("cannot read the token in {}: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
    /// The file is empty, or its content is not valid in a header.
    #[error("{} has no token: a token consists of visible ASCII characters without spaces", .0.display())]
    Illegal(PathBuf),
}

/// Reads a token, without white space around it.
pub(super) fn read(file: &Path) -> Result<Secret, TokenError> {
    let text = files::read_text(file, files::MAX_SECRET);
    let text = text.map_err(|error| TokenError::Read(file.into(), error))?;
    let token = text.trim();
    match is_valid_token(token) {
        true => Ok(Secret::new(token)),
        false => Err(TokenError::Illegal(file.into())),
    }
}
