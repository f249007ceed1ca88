//! What can be wrong with settings, told so that a stranger can mend it. The
//! values of headers are never shown, and of a URL only what is wrong in it.

use super::{DurationError, EndpointError, HeaderFault};
use crate::outcome::StatusesError;

/// One fault. [`SettingsError::key`] is the key that has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The one setting without a default.
    #[error("to.url is missing: set it to the http or https URL of the endpoint")]
    NoUrl,
    /// `to.url` is no URL that messages can be sent to.
    #[error("to.url {0}")]
    Url(EndpointError),
    /// A key whose value is one of a few words.
    #[error("{key} is {found:?}, but it can only be one of: {allowed}")]
    Word {
        /// Which key.
        key: String,
        /// Its value.
        found: String,
        /// The words.
        allowed: String,
    },
    /// `to.timeout` is no duration.
    #[error("to.timeout {0}")]
    Timeout(DurationError),
    /// A list of statuses that cannot be read.
    #[error("{key} {fault}")]
    Statuses {
        /// Which list.
        key: String,
        /// What is wrong with it.
        fault: StatusesError,
    },
    /// Two lists claim one status.
    #[error("{} and {} both name the status {status}: take it out of one of them", keys[0], keys[1])]
    Overlap {
        /// The lowest that both name.
        status: u16,
        /// The two lists.
        keys: [&'static str; 2],
    },
    /// A header that cannot be sent with every request.
    #[error("to.headers.{name} {fault}")]
    Header {
        /// As the user wrote it.
        name: String,
        /// What is wrong with it.
        fault: HeaderFault,
    },
    /// No such setting.
    #[error("{key} is no setting of the adapter: {}", suggestion(*nearest))]
    Unknown {
        /// As the user wrote it.
        key: String,
        /// The one that was meant, perhaps.
        nearest: Option<&'static str>,
    },
}

impl SettingsError {
    /// The key that is wrong, `to.` included.
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
