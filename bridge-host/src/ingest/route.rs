//! Routes requests: to publishing, to health and readiness, or to an error. Reading
//! bodies and messages stays out: `body`, `message` and `batch` do it.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;

use super::batch::BatchTarget;
use super::batch_reply::BatchReply;
use super::body::{self, BodyRate};
use super::body_memory::BodyMemory;
use super::reply::{PublishError, Reply, accepted};
use super::state::IntakeState;
use super::{Settings, batch, message};
use crate::admin::Admin;
use crate::broker::Broker;
use crate::listener::{AccessRule, Service, method_not_allowed};
use crate::message::MessageId;

/// The path for batches.
const BATCH: &str = "/batch";
/// The most bytes of a refused request's body that are read and dropped.
const MAX_DISCARDED: u64 = 1 << 20;

/// The service behind the intake's listener.
pub(super) struct Intake {
    state: Arc<IntakeState>,
    admin: Arc<Admin>,
    access: AccessRule,
    memory: BodyMemory,
}

/// What a request publishes.
enum Target {
    Topic(String, Option<MessageId>),
    Batch,
}

impl Intake {
    pub fn new(state: Arc<IntakeState>, admin: Arc<Admin>, settings: Settings) -> Self {
        Self {
            state,
            admin,
            access: AccessRule::new(settings.token, settings.address.ip()),
            memory: BodyMemory::new(settings.max_body),
        }
    }

    /// Returns what the request publishes, and to which broker. Refuses everything that can
    /// be refused before the body is read.
    fn target(
        &self,
        head: &Parts,
        is_extra: bool,
    ) -> Result<(Target, &Arc<dyn Broker>), PublishError> {
        let path = head.uri.path();
        let topic = path.strip_prefix("/topics/");
        if topic.is_none() && path != BATCH {
            return Err(not_found());
        }
        if is_extra {
            return Err(too_many_connections());
        }
        let broker = self.state.broker()?;
        let Some(topic) = topic else {
            return Ok((Target::Batch, broker));
        };
        let id = message::id(&head.headers)?;
        let topic = message::topic(topic)?;
        self.state.route(&topic)?;
        Ok((Target::Topic(topic, id), broker))
    }

    async fn publish(
        &self,
        topic: String,
        id: Option<MessageId>,
        broker: &dyn Broker,
        head: &Parts,
        body: Incoming,
    ) -> Result<Reply, PublishError> {
        let (data, _held) =
            body::read(body, expects_continue(head), &self.memory, &self.state).await?;
        let message = message::message(topic, &head.headers, data)?;
        let published = broker.publish(message, id).await?;
        Ok(accepted(&published))
    }

    fn batch(&self, broker: &Arc<dyn Broker>, body: Incoming) -> Reply {
        let to = BatchTarget {
            broker: broker.clone(),
            state: self.state.clone(),
        };
        let answers = batch::publish(body, to, self.memory.clone());
        let mut reply = Response::new(Either::Right(answers));
        let ndjson = HeaderValue::from_static("application/x-ndjson");
        reply.headers_mut().insert(CONTENT_TYPE, ndjson);
        reply
    }
}

impl Service for Intake {
    type Body = Either<Full<Bytes>, BatchReply>;

    /// Answers probes without a token too, because their responses reveal nothing secret.
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
                method_not_allowed(head.uri.path(), &[Method::POST]).map(Either::Left)
            }
            Ok(Err(error)) => error.reply(),
            Ok(Ok((Target::Batch, broker))) => return self.batch(broker, body),
            Ok(Ok((Target::Topic(topic, id), broker))) => {
                let published = self.publish(topic, id, &**broker, &head, body).await;
                return published.unwrap_or_else(PublishError::reply);
            }
        };
        // A publisher that is still sending would not read the response.
        if !is_extra && !expects_continue(&head) {
            let rate = BodyRate::new(&self.state);
            body::discard(body, MAX_DISCARDED, rate).await;
        }
        refused
    }
}

/// Returns whether the path exists, but for another method.
fn is_wrong_method(head: &Parts) -> bool {
    let path = head.uri.path();
    head.method != Method::POST && (path == BATCH || path.starts_with("/topics/"))
}

/// Returns whether the publisher waits for `100 Continue` before it sends the body.
fn expects_continue(head: &Parts) -> bool {
    let expect = head.headers.get(EXPECT);
    expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn too_many_connections() -> PublishError {
    let reason = "every connection for publishers is busy: send again in a moment";
    PublishError::new(StatusCode::SERVICE_UNAVAILABLE, reason)
}

fn not_found() -> PublishError {
    let reason = "this path does not exist: publish with POST /topics/{topic} or POST /batch; GET /healthz, /readyz and /ledger show the state";
    PublishError::new(StatusCode::NOT_FOUND, reason)
}
