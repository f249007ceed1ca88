//! What a user sets of the HTTP client.

use std::path::PathBuf;
use std::time::Duration;

use crate::schema::{self, duration, integer, path_to, pem};
use crate::settings;

settings! {
    /// Of the client as a whole; what one request is given is in
    /// [`Options`](super::Options).
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
        /// The most idle connections that are kept to one endpoint. All idle connections together take at most
        /// a quarter of the limit on open files.
        max_idle: usize = integer().default("256");
        /// A connection takes no more requests after this time (or up to a tenth earlier, so that connections
        /// are not all replaced at once). A busy bridge therefore follows a change of the endpoint's DNS records
        /// within this time.
        max_connection_age: Duration = duration().default("\"5m\"");
    }
}

impl Settings {
    /// No idle connection is kept longer, whatever is set: most servers and
    /// load balancers have forgotten it by then.
    pub const MAX_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
}

impl Default for Settings {
    fn default() -> Self {
        schema::defaults()
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
