//! TLS with generated certificates, and HTTP/2 over TLS.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bridge_host::http::{Client, HttpError, Settings, SettingsError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use super::server;
use super::{Body, client, exchange, options, post};
use crate::harness::pem;

/// A certificate authority, and a server certificate from it.
pub(super) struct Authority {
    pub(super) pem: String,
    pub(super) acceptor: TlsAcceptor,
    /// A certificate for a client, and its key.
    client: [String; 2],
}

impl Authority {
    pub(super) fn new(name: &str, protocols: &[&str]) -> Self {
        Self::asking(name, protocols, false)
    }

    /// Returns an authority whose server asks clients for a certificate if `asks` is set.
    fn asking(name: &str, protocols: &[&str], asks: bool) -> Self {
        Self::valid(name, protocols, asks, (2000, 4000))
    }

    /// Returns an authority whose server certificate is valid between these years.
    fn valid(name: &str, protocols: &[&str], asks: bool, years: (i32, i32)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);

        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let clients = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["bridge".to_owned()]).unwrap();
        let shown = params.signed_by(&clients, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(own.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let verifier = match asks {
            true => verifier.build().unwrap(),
            false => WebPkiClientVerifier::no_client_auth(),
        };
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().into())
            .collect();
        Self {
            pem: pem("CERTIFICATE", own.der()),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            client: [
                pem("CERTIFICATE", shown.der()),
                pem("PRIVATE KEY", clients.serialized_der()),
            ],
        }
    }

    /// Returns a client that trusts this authority.
    pub(super) fn client(&self, test: &str) -> Client<Body> {
        let path = file(test, &self.pem);
        let settings = Settings {
            ca_file: Some(path.clone()),
            ..Settings::default()
        };
        let client = Client::new(&settings).unwrap();
        std::fs::remove_file(path).unwrap();
        client
    }
}

pub(super) fn file(test: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("bridge-{}-{test}.pem", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_server_with_a_trusted_certificate_is_reached() {
    let authority = Authority::new("localhost", &["http/1.1"]);
    let server = server::echo(Some(authority.acceptor.clone())).await;
    let client = authority.client("trusted");
    let url = format!("https://localhost:{}/", server.address.port());
    for _ in 0..3 {
        assert_eq!(exchange(&client, &url).await.unwrap().1, "ping");
    }
    assert_eq!(server.accepted(), 1);
}

/// The error says what is wrong with the certificate, and what to do.
#[tokio::test]
async fn an_untrusted_certificate_is_an_error_that_says_why() {
    let good = Authority::new("localhost", &[]);
    let expired = Authority::valid("localhost", &[], false, (2000, 2001));
    let early = Authority::valid("localhost", &[], false, (3000, 3001));
    for (authority, trusts, host, expected) in [
        (
            &good,
            None,
            "localhost",
            "self-signed, or signed by a certificate authority that is not trusted",
        ),
        (
            &good,
            Some(&good),
            "127.0.0.1",
            "it was issued for another host",
        ),
        (&expired, Some(&expired), "localhost", "it has expired"),
        (&early, Some(&early), "localhost", "it is not valid yet"),
    ] {
        let server = server::echo(Some(authority.acceptor.clone())).await;
        let client = match trusts {
            Some(trusted) => trusted.client(&expected.replace(' ', "-")),
            None => client(),
        };
        let url = format!("https://{host}:{}/", server.address.port());
        let error = exchange(&client, &url).await.unwrap_err();
        assert!(matches!(&error, HttpError::Certificate { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains(host), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_client_certificate_gets_it() {
    let authority = Authority::asking("localhost", &["http/1.1"], true);
    let server = server::echo(Some(authority.acceptor.clone())).await;
    let url = format!("https://localhost:{}/", server.address.port());
    assert!(exchange(&authority.client("unknown"), &url).await.is_err());

    let [certificate, key] = &authority.client;
    let files = [
        file("shown-ca", &authority.pem),
        file("shown", certificate),
        file("shown-key", key),
    ];
    let [ca, certificate, key] = files.clone();
    let settings = Settings {
        ca_file: Some(ca.clone()),
        client: Some((certificate.clone(), key)),
        ..Settings::default()
    };
    let client = Client::new(&settings).unwrap();
    assert_eq!(exchange(&client, &url).await.unwrap().1, "ping");

    // If a certificate and a key do not belong together, the error names the file.
    let wrong = Settings {
        client: Some((ca, certificate)),
        ..settings
    };
    let error = wrong.check().unwrap_err();
    assert!(matches!(error, SettingsError::KeyFile { .. }), "{error}");
    for file in files {
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn one_http2_connection_serves_many_requests_at_once() {
    let authority = Authority::new("localhost", &["h2", "http/1.1"]);
    let server = server::echo(Some(authority.acceptor.clone())).await;
    let client = authority.client("http2");
    let url = format!("https://localhost:{}/", server.address.port());
    let requests: Vec<_> = (0..32)
        .map(|_| {
            let (client, url) = (client.clone(), url.clone());
            tokio::spawn(async move {
                let response = post(&client, &url, &options(&url)).await.unwrap();
                assert_eq!(response.headers()["x-version"], "HTTP/2.0");
                response.status().as_u16()
            })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(server.accepted(), 1);
}

/// Above the limit on exchanges, another connection is opened.
#[tokio::test]
async fn many_exchanges_have_more_than_one_connection() {
    let authority = Authority::new("localhost", &["h2"]);
    let server = server::echo(Some(authority.acceptor.clone())).await;
    let client = authority.client("streams");
    let url = format!("https://localhost:{}/large", server.address.port());
    let mut open = Vec::new();
    // The bodies are not read, so none of the exchanges ends.
    for _ in 0..150 {
        open.push(post(&client, &url, &options(&url)).await.unwrap());
    }
    assert_eq!(server.accepted(), 2);
    drop(open);
    exchange(&client, &url).await.unwrap();
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn connections_over_http2_grow_old_too() {
    let authority = Authority::new("localhost", &["h2"]);
    let server = server::echo(Some(authority.acceptor.clone())).await;
    let ca = file("old-ca", &authority.pem);
    let settings = Settings {
        ca_file: Some(ca.clone()),
        max_connection_age: Duration::from_millis(50),
        ..Settings::default()
    };
    let client = Client::new(&settings).unwrap();
    let url = format!("https://localhost:{}/", server.address.port());
    exchange(&client, &url).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    exchange(&client, &url).await.unwrap();
    assert_eq!(server.accepted(), 2);
    std::fs::remove_file(ca).unwrap();
}

#[tokio::test]
async fn a_ca_file_without_a_certificate_is_an_error() {
    let client = |path: PathBuf| {
        let settings = Settings {
            ca_file: Some(path),
            ..Settings::default()
        };
        Client::<Body>::new(&settings).err()
    };
    let missing = client("missing.pem".into());
    assert!(matches!(missing, Some(SettingsError::CaFile { .. })));
    let path = file("empty", "nothing\n");
    assert_eq!(
        client(path.clone()),
        Some(SettingsError::NoCertificate(path.clone()))
    );
    std::fs::remove_file(path).unwrap();
}
