//! Certificates and keys in PEM format. Tests create the certificates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Encodes a certificate or a key as PEM (RFC 7468), in lines that OpenSSL
/// accepts.
pub fn pem(what: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64);
    let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
    let text = lines.join("\n");
    format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
}
