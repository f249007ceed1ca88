//! Requests and replies on core NATS: an inbox for each request, and replies to the inbox of a
//! received message.
//!
//! `core` is the broker.

use std::sync::Arc;
use std::time::Duration;

use async_nats::header::HeaderMap;
use async_nats::{Message as NatsMessage, StatusCode, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::client::ReconnectingClient;
use super::error::{Outage, PAYLOAD};
use super::{headers, subject};
use crate::broker::{BrokerError, Refusal, Reply, ReplyTo, Request, Requester};
use crate::message::{Message, MessageId};

/// The longest timeout, because a later time cannot be represented.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Publishes the message and collects replies, until there are enough or the time is over.
pub(super) async fn request(
    connection: &Arc<ReconnectingClient>,
    request: Request,
) -> Result<Vec<Reply>, BrokerError> {
    let until = Instant::now() + request.timeout.min(LONG);
    let topic = request.message.topic.clone();
    let asked = timeout_at(until, ask(connection, request.message, &request.id));
    let mut inbox = asked.await.map_err(|_| BrokerError::Timeout)??;
    let (mut replies, mut bytes) = (Vec::new(), 0);
    while (replies.len() as u64) < u64::from(request.most.max(1)) {
        match timeout_at(until, inbox.next()).await {
            Ok(Some(reply)) if reply.status == Some(StatusCode::NO_RESPONDERS) => {
                return Err(Outage::NobodyReplies(topic).into());
            }
            Ok(Some(reply)) => {
                bytes += reply.length as u64;
                if bytes > request.most_bytes {
                    let room = request.most_bytes;
                    return Err(Refusal::LongReplies { bytes, room }.into());
                }
                replies.push(accept(connection, reply));
            }
            Ok(None) => return Err(Outage::ConnectionEnded.into()),
            Err(_) if replies.is_empty() => return Err(BrokerError::Timeout),
            Err(_) => break,
        }
    }
    Ok(replies)
}

async fn ask(
    connection: &ReconnectingClient,
    message: Message,
    id: &MessageId,
) -> Result<async_nats::Subscriber, BrokerError> {
    subject::check_publish(&message.topic)?;
    let client = connection.session();
    let inbox = client.new_inbox();
    let subscribed = client.subscribe(inbox.clone()).await;
    let subscriber = subscribed.map_err(|error| failed(&error))?;
    send(connection, message, id, Some(inbox)).await?;
    Ok(subscriber)
}

/// Publishes a message. Returns once the message is sent to the server.
pub(super) async fn send(
    connection: &ReconnectingClient,
    message: Message,
    id: &MessageId,
    inbox: Option<String>,
) -> Result<(), BrokerError> {
    connection.check()?;
    let (client, headers) = (connection.session(), headers::encode(&message, Some(id)));
    check_size(connection, &headers, &message.data)?;
    let (topic, data) = (message.topic, message.data);
    let sent = match inbox {
        Some(inbox) => {
            let sent = client.publish_with_reply_and_headers(topic, inbox, headers, data);
            sent.await
        }
        None => client.publish_with_headers(topic, headers, data).await,
    };
    sent.map_err(|error| failed(&error))?;
    connection.sent().await
}

/// Returns an error if the message is too large for the server.
pub(super) fn check_size(
    connection: &ReconnectingClient,
    headers: &HeaderMap,
    data: &Bytes,
) -> Result<(), BrokerError> {
    let size = (headers::size(headers) + data.len()) as u64;
    let max = connection.session().max_payload() as u64;
    match size > max {
        true => Err(BrokerError::TooLarge {
            size,
            max,
            limit: PAYLOAD,
        }),
        false => Ok(()),
    }
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> BrokerError {
    Outage::NotPublished(error.to_string()).into()
}

fn accept(connection: &Arc<ReconnectingClient>, reply: NatsMessage) -> Reply {
    let reply_to = reply_to_inbox(connection, reply.reply);
    let arrived = headers::decode(&reply.subject, reply.payload, reply.headers.as_ref());
    Reply {
        message: arrived.message,
        id: arrived.id.unwrap_or_else(MessageId::generate),
        reply_to,
    }
}

/// Returns the way for replies to a message with this inbox.
pub(super) fn reply_to_inbox(
    connection: &Arc<ReconnectingClient>,
    inbox: Option<Subject>,
) -> ReplyTo {
    match inbox {
        Some(inbox) => ReplyTo::Requested(Arc::new(Inbox {
            connection: Arc::clone(connection),
            subject: inbox.into_string(),
        })),
        None => ReplyTo::NotRequested,
    }
}

struct Inbox {
    connection: Arc<ReconnectingClient>,
    subject: String,
}

#[async_trait]
impl Requester for Inbox {
    async fn reply(&self, mut message: Message, id: MessageId) -> Result<(), BrokerError> {
        message.topic.clone_from(&self.subject);
        send(&self.connection, message, &id, None).await
    }
}
