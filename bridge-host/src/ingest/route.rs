//! Which request is which, and who may make it.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};

use super::answer::{Refusal, Reply, accepted};
use super::body::{self, Budget};
use super::{Settings, batch, message, visitor};
use crate::admin::Admin;
use crate::broker::Broker;
use crate::http::Secret;

/// Everything that an answer needs.
pub(super) struct Intake {
    broker: Arc<dyn Broker>,
    admin: Arc<Admin>,
    token: Option<Secret>,
    listener: IpAddr,
    budget: Budget,
}

impl Intake {
    pub fn new(broker: Arc<dyn Broker>, admin: Arc<Admin>, settings: Settings) -> Self {
        Self {
            broker,
            admin,
            token: settings.token,
            listener: settings.address.ip(),
            budget: Budget::new(settings.max_body),
        }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Incoming>) -> Reply {
        match self.route(request).await {
            Ok(reply) => reply,
            Err(refusal) => refusal.reply(),
        }
    }

    async fn route(&self, request: Request<Incoming>) -> Result<Reply, Refusal> {
        let path = request.uri().path();
        // A probe has no token, and learns nothing that is worth one.
        let is_probe = path == "/healthz" || path == "/readyz";
        let authorized = self.authorize(&request);
        let is_known = authorized.is_ok();
        if !is_probe {
            authorized?;
        }
        match path {
            "/healthz" => read_only(&request).map(|()| admin(self.admin.health())),
            "/readyz" => read_only(&request).map(|()| admin(self.admin.readiness(is_known))),
            "/ledger" => {
                read_only(&request)?;
                Ok(admin(self.admin.ledger().await))
            }
            "/batch" => {
                must_be(&request, &[Method::POST])?;
                Ok(self.batch(request.into_body()))
            }
            _ => match path.strip_prefix("/topics/") {
                Some(topic) => {
                    must_be(&request, &[Method::POST])?;
                    let topic = message::topic(topic)?;
                    self.publish(topic, request).await
                }
                None => Err(not_found()),
            },
        }
    }

    async fn publish(&self, topic: String, request: Request<Incoming>) -> Result<Reply, Refusal> {
        let (head, body) = request.into_parts();
        let id = message::id(&head.headers)?;
        let (data, _held) = body::read(body, &self.budget).await?;
        let message = message::message(topic, &head.headers, data)?;
        let published = self.broker.publish(message, id).await?;
        Ok(accepted(&published))
    }

    fn batch(&self, body: Incoming) -> Reply {
        let answers = batch::publish(body, self.broker.clone(), self.budget.clone());
        let mut reply = Response::new(Either::Right(answers));
        let ndjson = HeaderValue::from_static("application/x-ndjson");
        reply.headers_mut().insert(CONTENT_TYPE, ndjson);
        reply
    }

    fn authorize<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        let headers = request.headers();
        let Some(token) = &self.token else {
            return visitor::check(self.listener, request.uri(), headers);
        };
        let given = headers.get(AUTHORIZATION).and_then(bearer);
        match given.is_some_and(|given| is_same(given, token)) {
            true => Ok(()),
            false => Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "this bridge wants its token: send `authorization: Bearer` and the token",
            )),
        }
    }
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// Compares digests, and all of them, so that the time it takes tells nothing
/// of how much was right.
fn is_same(given: &[u8], token: &Secret) -> bool {
    let given = Sha256::digest(given);
    let token = Sha256::digest(token.expose());
    let differences = given.iter().zip(&token);
    let difference = differences.fold(0, |all, (a, b)| black_box(all | (a ^ b)));
    difference == 0
}

fn admin(response: Response<Full<bytes::Bytes>>) -> Reply {
    response.map(Either::Left)
}

fn read_only<B>(request: &Request<B>) -> Result<(), Refusal> {
    must_be(request, &[Method::GET, Method::HEAD])
}

fn must_be<B>(request: &Request<B>, methods: &[Method]) -> Result<(), Refusal> {
    if methods.contains(request.method()) {
        return Ok(());
    }
    let path = request.uri().path();
    let reason = format!("{path} takes {} only", methods[0]);
    Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, reason))
}

fn not_found() -> Refusal {
    let reason = "nothing is here: POST /topics/{topic} and POST /batch publish, GET /healthz, /readyz and /ledger tell";
    Refusal::new(StatusCode::NOT_FOUND, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        let token = Secret::new("abc");
        assert!(is_same(b"abc", &token));
        assert!(!is_same(b"abd", &token));
        assert!(!is_same(b"", &token));
        let given = |text: &str| bearer(&text.parse().unwrap()).map(<[u8]>::to_vec);
        assert_eq!(given("bearer abc"), Some(b"abc".to_vec()));
        assert_eq!(given("Basic abc"), None);
        assert_eq!(given("Bear"), None);
    }
}
