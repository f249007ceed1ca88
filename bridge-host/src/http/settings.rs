//! The settings of the HTTP client, as a config has them.

use std::path::PathBuf;
use std::time::Duration;

use crate::schema::{self, duration, integer, path_to, pem};
use crate::settings;

settings! {
    /// The settings of the client as a whole. The limits of a single request are in
    /// [`RequestOptions`](super::RequestOptions).
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settings in "[http]" {
        /// A PEM file of certificates that are trusted beside the system's.
        ca_file: Option<PathBuf> = path_to(&pem::FILE).optional("none");
        /// PEM files of this host's certificate, with those that vouch for it, and of its key.
        client: pem::Client;
        /// A connection that was idle for this long is closed.
        idle_timeout: Duration = duration().default("\"1m\"").most(
            Settings::MAX_IDLE_TIMEOUT,
            "by then most servers have closed the connection themselves",
        );
        /// The most idle connections that are kept to one endpoint. All idle connections together
        /// take at most a quarter of the limit on open files.
        max_idle: usize = integer().default("256");
        /// A connection takes no more requests after this time (or up to a tenth earlier, so that
        /// connections are not all replaced at once). A busy bridge therefore follows a change of
        /// the endpoint's DNS records within this time.
        max_connection_age: Duration = duration().default("\"5m\"");
    }
}

impl Settings {
    /// The upper bound of `idle_timeout`: most servers and load balancers close idle connections by
    /// then.
    pub const MAX_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
}

impl Default for Settings {
    fn default() -> Self {
        schema::defaults()
    }
}

/// Why the client cannot be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The file of certificates cannot be read, or is not PEM.
    #[error("cannot read certificates from {path}: {reason}")]
    CaFile {
        /// The path in the config.
        path: PathBuf,
        /// The error.
        reason: String,
    },
    /// The file does not contain a key, or not the key of the certificate.
    #[error("cannot use the key in {path}: {reason}")]
    KeyFile {
        /// The path in the config.
        path: PathBuf,
        /// The error.
        reason: String,
    },
    /// The file is PEM, but contains no certificate.
    #[error("{0} contains no certificate: expected a PEM file with `-----BEGIN CERTIFICATE-----`")]
    NoCertificate(PathBuf),
}
