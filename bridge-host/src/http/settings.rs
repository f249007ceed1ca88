//! What a user sets of the HTTP client.

use std::path::PathBuf;
use std::time::Duration;

/// Of the client as a whole; what one request is given is in
/// [`Options`](super::Options).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A PEM file of certificates that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM files of this host's certificate, with those that vouch for it, and
    /// of its key: for endpoints that ask for one.
    pub client: Option<(PathBuf, PathBuf)>,
    /// A connection that nobody used for this long is closed.
    pub idle_timeout: Duration,
    /// So many idle connections are kept to one authority.
    pub max_idle: usize,
    /// A connection takes no more requests after this time, so that a change of
    /// the endpoint's addresses reaches a bridge that is busy.
    pub max_connection_age: Duration,
}

impl Settings {
    /// No idle connection is kept longer, whatever is set: most servers and
    /// load balancers have forgotten it by then.
    pub const MAX_IDLE_TIMEOUT: Duration = Duration::from_secs(90);

    /// Whether the files are what they should be.
    pub fn check(&self) -> Result<(), SettingsError> {
        super::tls::connector(self).map(drop)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ca_file: None,
            client: None,
            idle_timeout: Duration::from_secs(60),
            max_idle: 256,
            max_connection_age: Duration::from_secs(300),
        }
    }
}

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read, or is no PEM.
    #[error("cannot read certificates from {path}: {reason}")]
    CaFile {
        /// As it was set.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The file is no key, or not that of the certificate.
    #[error("cannot use the key in {path}: {reason}")]
    KeyFile {
        /// As it was set.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// PEM, without a certificate in it.
    #[error("{0} has no certificate: a PEM file with `-----BEGIN CERTIFICATE-----` is expected")]
    NoCertificate(PathBuf),
}
