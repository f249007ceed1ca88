//! Headers that the user adds to every request. Their values may be secret.

use super::SettingsError;
use crate::header;

/// Why a header cannot be added to every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StaticHeaderError {
    /// The name contains characters that some HTTP stack rejects.
    #[error("is not a valid header name: use letters, digits and any of - _ . ! # $ & ' + ^ ` | ~")]
    Name,
    /// The adapter or the host sets this header.
    #[error("cannot be set: the bridge or the connection decides that header")]
    Reserved,
    /// The header is set twice, in different spellings.
    #[error("is set twice: header names do not depend on case")]
    Twice,
    /// The value has a character that a header cannot carry.
    #[error(
        "has a value with a character, at byte {0}, that a header cannot carry: visible ASCII, with \
         spaces and tabs between, is allowed"
    )]
    Value(usize),
    /// The value begins or ends with a space or a tab.
    #[error("has a value that begins or ends with a space or a tab: remove it")]
    Edge,
}

/// Checks a header, and adds it.
pub fn add(
    headers: &mut Vec<(String, String)>,
    written: &str,
    value: &str,
) -> Result<(), SettingsError> {
    let name = written.to_ascii_lowercase();
    let illegal = value
        .bytes()
        .position(|b| !header::is_value_byte(b) && b != b' ' && b != b'\t');
    let fault = if name.is_empty() || !name.bytes().all(header::is_plain_name_byte) {
        StaticHeaderError::Name
    } else if name != header::CONTENT_TYPE && header::is_reserved(&name) {
        StaticHeaderError::Reserved
    } else if headers.iter().any(|(known, _)| *known == name) {
        StaticHeaderError::Twice
    } else if let Some(at) = illegal {
        StaticHeaderError::Value(at)
    } else if !header::is_legal_value(value) {
        StaticHeaderError::Edge
    } else {
        headers.push((name, value.into()));
        return Ok(());
    };
    Err(SettingsError::Header {
        name: written.into(),
        fault,
    })
}
