//! Which request is which, and what it is answered.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;

use super::answer::{Refusal, Reply, accepted};
use super::answers::Answers;
use super::batch::To;
use super::body::{self, Pace};
use super::memory::Budget;
use super::publishing::Publishing;
use super::{Settings, batch, message};
use crate::admin::Admin;
use crate::broker::Broker;
use crate::listener::{Access, Service, not_allowed};
use crate::message::MessageId;

/// Where many messages are published at once.
const BATCH: &str = "/batch";
/// Of a body that nobody wants, so much is read all the same.
const DISCARD: u64 = 1 << 20;

/// Everything that an answer needs.
pub(super) struct Intake {
    publishing: Arc<Publishing>,
    admin: Arc<Admin>,
    access: Access,
    budget: Budget,
}

/// What a request publishes.
enum Target {
    Topic(String, Option<MessageId>),
    Batch,
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

    /// What is to be published, and to which broker: all that can be refused
    /// before the body is read is.
    fn target(&self, head: &Parts, is_extra: bool) -> Result<(Target, &Arc<dyn Broker>), Refusal> {
        let path = head.uri.path();
        let topic = path.strip_prefix("/topics/");
        if topic.is_none() && path != BATCH {
            return Err(not_found());
        }
        if is_extra {
            return Err(crowded());
        }
        let broker = self.publishing.broker()?;
        let Some(topic) = topic else {
            return Ok((Target::Batch, broker));
        };
        let id = message::id(&head.headers)?;
        let topic = message::topic(topic)?;
        self.publishing.route(&topic)?;
        Ok((Target::Topic(topic, id), broker))
    }

    async fn publish(
        &self,
        topic: String,
        id: Option<MessageId>,
        broker: &dyn Broker,
        head: &Parts,
        body: Incoming,
    ) -> Result<Reply, Refusal> {
        let (data, _held) = body::read(body, expects(head), &self.budget, &self.publishing).await?;
        let message = message::message(topic, &head.headers, data)?;
        let published = broker.publish(message, id).await?;
        Ok(accepted(&published))
    }

    fn batch(&self, broker: &Arc<dyn Broker>, body: Incoming) -> Reply {
        let to = To {
            broker: broker.clone(),
            publishing: self.publishing.clone(),
        };
        let answers = batch::publish(body, to, self.budget.clone());
        let mut reply = Response::new(Either::Right(answers));
        let ndjson = HeaderValue::from_static("application/x-ndjson");
        reply.headers_mut().insert(CONTENT_TYPE, ndjson);
        reply
    }
}

impl Service for Intake {
    type Body = Either<Full<Bytes>, Answers>;

    /// A probe has no token, and learns nothing that is worth one.
    async fn answer(&self, request: Request<Incoming>, is_extra: bool) -> Reply {
        let access = self.access.check(&request);
        let is_probe = matches!(request.uri().path(), "/healthz" | "/readyz");
        if (is_probe || access.is_ok())
            && let Some(answer) = self.admin.answer(&request, access.is_ok()).await
        {
            return answer.map(Either::Left);
        }
        let (head, body) = request.into_parts();
        let refused = match access.map(|()| self.target(&head, is_extra)) {
            Err(denied) => denied.answer().map(Either::Left),
            Ok(_) if is_wrong_method(&head) => {
                not_allowed(head.uri.path(), &[Method::POST]).map(Either::Left)
            }
            Ok(Err(refusal)) => refusal.reply(),
            Ok(Ok((Target::Batch, broker))) => return self.batch(broker, body),
            Ok(Ok((Target::Topic(topic, id), broker))) => {
                let published = self.publish(topic, id, &**broker, &head, body).await;
                return published.unwrap_or_else(Refusal::reply);
            }
        };
        // A publisher that is still sending would not see the answer.
        if !is_extra && !expects(&head) {
            let pace = Pace::new(&self.publishing);
            body::discard(body, DISCARD, pace).await;
        }
        refused
    }
}

/// Whether the path is there, and for another method.
fn is_wrong_method(head: &Parts) -> bool {
    let path = head.uri.path();
    head.method != Method::POST && (path == BATCH || path.starts_with("/topics/"))
}

/// Whether the publisher waits to be told before it sends the body.
fn expects(head: &Parts) -> bool {
    let expect = head.headers.get(EXPECT);
    expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn crowded() -> Refusal {
    let reason = "every connection for publishers is busy: send again in a moment";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason)
}

fn not_found() -> Refusal {
    let reason = "nothing is here: POST /topics/{topic} and POST /batch publish, GET /healthz, /readyz and /ledger tell";
    Refusal::new(StatusCode::NOT_FOUND, reason)
}
