//! Servers that require authentication: a token, user and password, nkey, credentials, or a client
//! certificate. With wrong ones, the bridge keeps trying and logs the reason.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge_host::broker::nats::{Auth, Settings, Tls};
use bridge_host::secret::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::core::settings;
use super::jwt::Operator;
use super::support::open;
use crate::harness::{Bridge, Endpoint, NatsServer};

/// The seed of a user, and the public key for the server.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

async fn trouble(settings: Settings) -> Option<String> {
    open(settings).await.trouble()
}

#[track_caller]
fn told(trouble: Option<String>, expected: &str) {
    let trouble = trouble.expect("it is not let in");
    assert!(trouble.contains(expected), "{trouble}");
    assert!(!trouble.contains("s3cret"), "{trouble}");
}

fn with(server: &NatsServer, auth: Auth) -> Settings {
    Settings {
        auth,
        ..settings(server.url())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_token() {
    let server = NatsServer::start_with("authorization: { token: s3cret }").await;
    let token = |text: &str| with(&server, Auth::Token(Secret::new(text)));
    assert_eq!(trouble(token("s3cret")).await, None);
    told(trouble(token("s3cret-not")).await, "authorization");
    told(trouble(settings(server.url())).await, "authorization");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_user_and_password() {
    let lines = "authorization: { user: me, password: s3cret }";
    let server = NatsServer::start_with(lines).await;
    let user = |password: &str| with(&server, Auth::User("me".into(), Secret::new(password)));
    assert_eq!(trouble(user("s3cret")).await, None);
    told(trouble(user("s3cret-not")).await, "authorization");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_nkey() {
    let lines = format!("authorization: {{ users: [ {{ nkey: {PUBLIC} }} ] }}");
    let server = NatsServer::start_with(&lines).await;
    assert_eq!(
        trouble(with(&server, Auth::Nkey(Secret::new(SEED)))).await,
        None
    );
    let other = nkeys::KeyPair::new_user().seed().expect("a seed");
    let wrong = trouble(with(&server, Auth::Nkey(Secret::new(other)))).await;
    told(wrong, "authorization");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_credentials() {
    let operator = Operator::start().await;
    let server = &operator.server;
    let credentials = |text: String| with(server, Auth::Credentials(Secret::new(text)));
    assert_eq!(trouble(credentials(operator.credentials())).await, None);
    for wrong in [operator.expired(), Operator::forged()] {
        told(trouble(credentials(wrong)).await, "authorization");
    }
    told(trouble(settings(server.url())).await, "authorization");

    // Users keep credentials in a file beside the config.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("user.creds");
    std::fs::write(&file, operator.credentials()).expect("a file");
    let endpoint = Endpoint::accepting().await;
    let config = format!(
        "[connections.events]\ntype = \"nats\"\nurl = {:?}\ncredentials = {{ file = {:?} }}\n\
         [[subscriptions]]\nname = \"orders\"\nfrom = \"events\"\ntopics = [\"orders.>\"]\nto = {:?}\n",
        server.url(),
        file.display().to_string(),
        endpoint.url("/")
    );
    let bridge = Bridge::start_into("events", &config).await;
    let id = bridge.accept("orders.new", &[], "x").await;
    assert_eq!(endpoint.wait_for(1).await[0].id(), id);
}

/// Writes certificates of a server and a client, from one authority.
fn certificates(folder: &std::path::Path) {
    let key = || KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, key()).expect("an authority");
    let write = |name: String, what: &str, der: &[u8]| {
        let text = STANDARD.encode(der);
        let pem = format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n");
        std::fs::write(folder.join(name), pem).expect("a file");
    };
    write("ca.pem".into(), "CERTIFICATE", authority.der());
    for name in ["server", "client"] {
        let key = key();
        let names = vec!["127.0.0.1".to_owned(), "localhost".into()];
        let params = CertificateParams::new(names).expect("parameters");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        write(format!("{name}.pem"), "CERTIFICATE", certificate.der());
        write(format!("{name}.key"), "PRIVATE KEY", &key.serialize_der());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tls() {
    let lines = "tls: { cert_file: \"{folder}/server.pem\", key_file: \"{folder}/server.key\", \
                 ca_file: \"{folder}/ca.pem\", verify: true }";
    let server = NatsServer::prepared(lines, certificates).await;
    let client = (server.file("client.pem"), server.file("client.key"));
    let tls = |ca_file, client| Settings {
        tls: Tls {
            ca_file,
            client,
            required: true,
        },
        ..settings(server.url())
    };
    let ca = Some(server.file("ca.pem"));
    assert_eq!(trouble(tls(ca.clone(), Some(client.clone()))).await, None);
    told(trouble(tls(ca, None)).await, "no connection to NATS");
    told(
        trouble(tls(None, Some(client))).await,
        "no connection to NATS",
    );

    // A server without TLS is refused if TLS is required.
    let plain = NatsServer::start().await;
    let asks = Settings {
        tls: Tls {
            required: true,
            ..Tls::default()
        },
        ..settings(plain.url())
    };
    told(trouble(asks).await, "no connection to NATS");
}
