//! Files of certificates and keys: `ca_file`, `cert_file`, `key_file`.

use std::path::PathBuf;

use super::section::Section;
use super::value::Value;
use crate::files;

/// Reads `ca_file`.
pub(super) fn ca(section: &mut Section<'_>) -> Option<PathBuf> {
    section.take("ca_file").and_then(|value| file(&value))
}

/// Reads `cert_file` and `key_file`, which come together.
pub(super) fn client(section: &mut Section<'_>) -> Option<(PathBuf, PathBuf)> {
    let certificate = section.take("cert_file").map(|value| file(&value));
    let key = section.take("key_file").map(|value| file(&value));
    match (certificate, key) {
        (Some(certificate), Some(key)) => certificate.zip(key),
        (Some(_), None) => {
            section.missing("key_file", "a certificate comes with its key");
            None
        }
        (None, Some(_)) => {
            section.missing("cert_file", "a key comes with its certificate");
            None
        }
        (None, None) => None,
    }
}

/// A file of certificates, or of a key, that can be read.
fn file(value: &Value<'_>) -> Option<PathBuf> {
    let path = value.path()?;
    let text = match files::read(&path, files::MAX_SECRET) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => {
            let what = format!("cannot read {}: {error}", path.display());
            value.fault(what, "it has to be a PEM file that this user may read");
            return None;
        }
    };
    if !text.contains("-----BEGIN ") {
        let what = format!("{} is no PEM file", path.display());
        value.fault(what, "one has a line such as -----BEGIN CERTIFICATE-----");
        return None;
    }
    Some(path)
}
