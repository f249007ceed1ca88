//! What can be wrong with settings, with the remedy. The messages never show the
//! values of headers, and of a URL only the wrong part.

use super::{DurationError, EndpointError, StaticHeaderError};
use crate::outcome::StatusesError;

/// One error. [`SettingsError::key`] returns the key that it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The only setting without a default is missing.
    #[error("to.url is missing: set it to the http or https URL of the endpoint")]
    NoUrl,
    /// `to.url` is not a URL that messages can be sent to.
    #[error("to.url {0}")]
    Url(EndpointError),
    /// The value is not one of the allowed words.
    #[error("{key} is {found:?}, but it must be one of: {allowed}")]
    Word {
        /// The key.
        key: String,
        /// Its value.
        found: String,
        /// The allowed words.
        allowed: String,
    },
    /// `to.timeout` is not a valid duration.
    #[error("to.timeout {0}")]
    Timeout(DurationError),
    /// A list of statuses is not valid.
    #[error("{key} {fault}")]
    Statuses {
        /// The key of the list.
        key: String,
        /// What is wrong with the list.
        fault: StatusesError,
    },
    /// Two lists contain the same status.
    #[error("{} and {} both name the status {status}: take it out of one of them", keys[0], keys[1])]
    Overlap {
        /// The lowest status that both lists contain.
        status: u16,
        /// The keys of the lists.
        keys: [&'static str; 2],
    },
    /// A header cannot be sent with every request.
    #[error("to.headers.{name} {fault}")]
    Header {
        /// The name as the user wrote it.
        name: String,
        /// What is wrong with the header.
        fault: StaticHeaderError,
    },
    /// The key is unknown.
    #[error("{key} is not a setting of the adapter: {}", suggestion(*nearest))]
    Unknown {
        /// The key as the user wrote it.
        key: String,
        /// A known key with a similar name, if there is one.
        nearest: Option<&'static str>,
    },
}

impl SettingsError {
    /// Returns the wrong key, with `to.`.
    pub fn key(&self) -> String {
        match self {
            Self::NoUrl | Self::Url(_) => "to.url".into(),
            Self::Timeout(_) => "to.timeout".into(),
            Self::Word { key, .. } | Self::Statuses { key, .. } | Self::Unknown { key, .. } => {
                key.clone()
            }
            Self::Overlap { keys, .. } => keys[1].into(),
            Self::Header { name, .. } => format!("{}{name}", super::HEADERS),
        }
    }
}

fn suggestion(nearest: Option<&'static str>) -> String {
    match nearest {
        Some(name) => format!("did you mean {name}?"),
        None => format!(
            "there are {} and {}<name>",
            super::KEYS.join(", "),
            super::HEADERS
        ),
    }
}
