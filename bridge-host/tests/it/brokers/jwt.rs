//! A server with an operator, and credentials of its users, with keys and tokens as `nsc` makes
//! them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::harness::NatsServer;

/// The keys of an operator and an account.
pub struct Operator {
    pub server: NatsServer,
    account: KeyPair,
}

impl Operator {
    /// Starts a server that accepts the users of one account.
    pub async fn start() -> Self {
        let (operator, system) = (KeyPair::new_operator(), KeyPair::new_account());
        let account = KeyPair::new_account();
        let limits = json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1,
            "exports": -1, "wildcards": true, "conn": -1, "leaf": -1 });
        let of_account = |key: &KeyPair| {
            let nats = json!({ "limits": limits, "type": "account", "version": 2 });
            token(&key.public_key(), nats, None, &operator)
        };
        let nats = json!({ "type": "operator", "version": 2 });
        let lines = format!(
            "operator: {}\nsystem_account: {system_key}\nresolver: MEMORY\n\
             resolver_preload: {{ {}: {}, {system_key}: {} }}\n",
            token(&operator.public_key(), nats, None, &operator),
            account.public_key(),
            of_account(&account),
            of_account(&system),
            system_key = system.public_key(),
        );
        Self {
            server: NatsServer::start_with(&lines).await,
            account,
        }
    }

    /// The text of a credentials file.
    pub fn credentials(&self) -> String {
        credentials(&self.account, None)
    }

    /// Returns the credentials of a user whose token has expired.
    pub fn expired(&self) -> String {
        credentials(&self.account, Some(1))
    }

    /// Returns credentials that another account signed, which the server does not know.
    pub fn forged() -> String {
        credentials(&KeyPair::new_account(), None)
    }
}

fn credentials(account: &KeyPair, expires: Option<u64>) -> String {
    let user = KeyPair::new_user();
    let nats = json!({ "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
        "type": "user", "version": 2 });
    let jwt = token(&user.public_key(), nats, expires, account);
    let seed = user.seed().expect("a seed");
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

/// Returns a JSON web token about `subject`.
fn token(subject: &str, nats: Value, expires: Option<u64>, signer: &KeyPair) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after");
    let mut claims = json!({ "jti": subject, "iat": now.as_secs(), "iss": signer.public_key(),
        "name": "test", "sub": subject, "nats": nats });
    if let Some(expires) = expires {
        claims["exp"] = expires.into();
    }
    let encode = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let head = encode(json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let text = format!("{head}.{}", encode(claims));
    let signature = signer.sign(text.as_bytes()).expect("a signature");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
