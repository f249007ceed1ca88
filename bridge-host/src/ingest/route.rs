//! Which request is which, and what it is answered.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;

use super::answer::{Refusal, Reply, accepted};
use super::batch::Answers;
use super::body::{self, Budget};
use super::publishing::Publishing;
use super::{Settings, batch, message};
use crate::admin::Admin;
use crate::listener::{Access, Service, not_allowed};

/// Everything that an answer needs.
pub(super) struct Intake {
    publishing: Arc<Publishing>,
    admin: Arc<Admin>,
    access: Access,
    budget: Budget,
}

impl Intake {
    pub fn new(publishing: Arc<Publishing>, admin: Arc<Admin>, settings: Settings) -> Self {
        Self {
            publishing,
            admin,
            access: Access::new(settings.token, settings.address.ip()),
            budget: Budget::new(settings.max_body),
        }
    }

    async fn publish(&self, topic: String, request: Request<Incoming>) -> Result<Reply, Refusal> {
        let broker = self.publishing.broker()?;
        let (head, body) = request.into_parts();
        let id = message::id(&head.headers)?;
        let (data, _held) = body::read(body, &self.budget).await?;
        let message = message::message(topic, &head.headers, data)?;
        let published = broker.publish(message, id).await?;
        Ok(accepted(&published))
    }

    fn batch(&self, body: Incoming) -> Result<Reply, Refusal> {
        let broker = self.publishing.broker()?.clone();
        let answers = batch::publish(body, broker, self.budget.clone());
        let mut reply = Response::new(Either::Right(answers));
        let ndjson = HeaderValue::from_static("application/x-ndjson");
        reply.headers_mut().insert(CONTENT_TYPE, ndjson);
        Ok(reply)
    }

    async fn route(&self, request: Request<Incoming>, is_extra: bool) -> Result<Reply, Refusal> {
        let path = request.uri().path();
        let topic = path.strip_prefix("/topics/");
        if topic.is_none() && path != "/batch" {
            return Err(not_found());
        }
        if request.method() != Method::POST {
            return Ok(not_allowed(path, &[Method::POST]).map(Either::Left));
        }
        if is_extra {
            return Err(crowded());
        }
        match topic {
            Some(topic) => self.publish(message::topic(topic)?, request).await,
            None => self.batch(request.into_body()),
        }
    }
}

impl Service for Intake {
    type Body = Either<Full<Bytes>, Answers>;

    /// A probe has no token, and learns nothing that is worth one.
    async fn answer(&self, request: Request<Incoming>, is_extra: bool) -> Reply {
        let access = self.access.check(&request);
        let is_probe = matches!(request.uri().path(), "/healthz" | "/readyz");
        if let (Err(denied), false) = (access, is_probe) {
            return denied.answer().map(Either::Left);
        }
        if let Some(answer) = self.admin.answer(&request, access.is_ok()).await {
            return answer.map(Either::Left);
        }
        match self.route(request, is_extra).await {
            Ok(reply) => reply,
            Err(refusal) => refusal.reply(),
        }
    }
}

fn crowded() -> Refusal {
    let reason = "every connection for publishers is busy: send again in a moment";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason)
}

fn not_found() -> Refusal {
    let reason = "nothing is here: POST /topics/{topic} and POST /batch publish, GET /healthz, /readyz and /ledger tell";
    Refusal::new(StatusCode::NOT_FOUND, reason)
}
