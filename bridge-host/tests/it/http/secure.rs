//! TLS with certificates of our own making, and HTTP/2 over it.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge_host::http::{Client, HttpError, Settings, SettingsError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use super::server::Server;
use super::{Body, client, exchange, options, post};

/// A certificate authority, and a server certificate from it.
struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
    /// A certificate for a client, and its key.
    client: [String; 2],
}

impl Authority {
    fn new(name: &str, protocols: &[&str]) -> Self {
        Self::asking(name, protocols, false)
    }

    /// One whose server asks clients for a certificate, or does not.
    fn asking(name: &str, protocols: &[&str], asks: bool) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);

        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
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

    /// A client that trusts this authority.
    fn client(&self, test: &str) -> Client<Body> {
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

fn pem(what: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
}

fn file(test: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("bridge-{}-{test}.pem", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_server_of_an_authority_that_is_trusted() {
    let authority = Authority::new("localhost", &["http/1.1"]);
    let server = Server::start(Some(authority.acceptor.clone())).await;
    let client = authority.client("trusted");
    let url = format!("https://localhost:{}/", server.port);
    for _ in 0..3 {
        assert_eq!(exchange(&client, &url).await.unwrap().1, "ping");
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn servers_that_are_not_trusted() {
    let authority = Authority::new("localhost", &[]);
    let server = Server::start(Some(authority.acceptor.clone())).await;
    let url = format!("https://localhost:{}/", server.port);
    let error = exchange(&client(), &url).await.unwrap_err();
    assert!(
        matches!(&error, HttpError::Tls { host, .. } if host == "localhost"),
        "{error}"
    );

    // The authority is right, the name is not.
    let url = format!("https://127.0.0.1:{}/", server.port);
    let error = exchange(&authority.client("name"), &url).await.unwrap_err();
    assert!(matches!(&error, HttpError::Tls { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate() {
    let authority = Authority::asking("localhost", &["http/1.1"], true);
    let server = Server::start(Some(authority.acceptor.clone())).await;
    let url = format!("https://localhost:{}/", server.port);
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

    // Of two files that do not belong together it is said which.
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
    let server = Server::start(Some(authority.acceptor.clone())).await;
    let client = authority.client("http2");
    let url = format!("https://localhost:{}/", server.port);
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

#[tokio::test]
async fn files_without_certificates() {
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
