//! The intake's token, from the file that an argument names.

use std::io;
use std::path::{Path, PathBuf};

use crate::files;
use crate::listener::is_token;
use crate::secret::Secret;

/// Why a file has no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    /// The disk, or the path.
    #[error("cannot read the token in {}: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
    /// Nothing, or what no header's value can be.
    #[error("{} has no token: visible ASCII characters without spaces are expected", .0.display())]
    Illegal(PathBuf),
}

/// Reads it, white space around it left out.
pub(super) fn read(file: &Path) -> Result<Secret, TokenError> {
    let text = files::read_text(file, files::MAX_SECRET);
    let text = text.map_err(|error| TokenError::Read(file.into(), error))?;
    let token = text.trim();
    match is_token(token) {
        true => Ok(Secret::new(token)),
        false => Err(TokenError::Illegal(file.into())),
    }
}
