//! TLS settings: the trusted certificates, the client certificate and the protocols offered.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::error::describe;
use super::{HttpError, Settings, SettingsError};
use crate::trouble::{Shortage, causes};

/// The name of HTTP/2 in ALPN.
pub(super) const H2: &[u8] = b"h2";

/// The system's clock. Before 1970 it returns an error, so that checking a certificate fails. The
/// clock of rustls panics instead.
#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}

impl Settings {
    /// Checks that the files exist and contain what they should.
    pub fn check(&self) -> Result<(), SettingsError> {
        connector(self).map(drop)
    }
}

/// Reads the system's certificates and the certificates in `ca_file`. A system without certificates
/// is not an error, since plain HTTP needs none.
pub(super) fn connector(settings: &Settings) -> Result<TlsConnector, SettingsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "cannot read some of the system's certificates");
    }
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = &settings.ca_file {
        add_file(&mut roots, path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(Clock))
        .with_safe_default_protocol_versions()
        .expect("ring serves the default versions of TLS")
        .with_root_certificates(roots);
    let mut config = match &settings.client {
        None => config.with_no_client_auth(),
        Some((certificates, key_file)) => {
            let fault = |error: String| SettingsError::KeyFile {
                path: key_file.clone(),
                reason: error,
            };
            let key = PrivateKeyDer::from_pem_file(key_file);
            let key = key.map_err(|error| fault(error.to_string()))?;
            let config = config.with_client_auth_cert(certificates_in(certificates)?, key);
            config.map_err(|error| fault(error.to_string()))?
        }
    };
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), SettingsError> {
    for certificate in certificates_in(path)? {
        roots
            .add(certificate)
            .map_err(|error| ca_file_error(path, error))?;
    }
    Ok(())
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| ca_file_error(path, error))?;
    match certificates.is_empty() {
        true => Err(SettingsError::NoCertificate(path.into())),
        false => Ok(certificates),
    }
}

/// Converts a failed handshake to an error that says what to change.
pub(super) fn handshake_error(error: &io::Error, host: &str) -> HttpError {
    let host = host.to_owned();
    if let Some(lack) = Shortage::of(error) {
        return HttpError::Shortage(lack);
    }
    let cause = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(fault)) => HttpError::Certificate {
            host,
            reason: describe_certificate_error(fault),
        },
        Some(rustls::Error::AlertReceived(alert)) => HttpError::Tls {
            host,
            reason: format!("the endpoint ended the handshake with the alert {alert:?}"),
        },
        Some(rustls::Error::InvalidMessage(_)) => HttpError::Tls {
            host,
            reason:
                "the endpoint does not speak TLS: check whether its URL should begin with http://"
                    .into(),
        },
        _ => HttpError::Tls {
            host,
            reason: describe(error),
        },
    }
}

fn describe_certificate_error(fault: &CertificateError) -> String {
    use CertificateError::*;
    let words = match fault {
        Expired | ExpiredContext { .. } => "it has expired",
        NotValidYet | NotValidYetContext { .. } => {
            "it is not valid yet: check the clock of this machine"
        }
        UnknownIssuer => {
            "it is self-signed, or signed by a certificate authority that is not trusted: add the authority's certificate to `http.ca_file`"
        }
        NotValidForName | NotValidForNameContext { .. } => "it was issued for another host",
        Revoked => "it was revoked",
        Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is a certificate authority's own certificate: add it to `http.ca_file`, and give the endpoint a certificate that the authority signed"
        }
        other => return other.to_string(),
    };
    match fault {
        ExpiredContext { .. } | NotValidYetContext { .. } | NotValidForNameContext { .. } => {
            format!("{words} ({fault})")
        }
        _ => words.into(),
    }
}

fn ca_file_error(path: &Path, error: impl ToString) -> SettingsError {
    SettingsError::CaFile {
        path: path.into(),
        reason: error.to_string(),
    }
}
