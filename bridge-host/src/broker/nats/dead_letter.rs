//! Dead letters in a stream, selected by their topics and numbered by their stream sequence.
//!
//! `broker::DeadLetterTopic` publishes them.

use std::sync::Arc;

use async_nats::jetstream::stream::{DeleteMessageErrorKind, Stream};
use async_trait::async_trait;
use tokio::time::timeout;

use super::jetstream_api::{JetStreamApi, PATIENCE};
use super::raw::{self, RawMessage};
use super::{error, headers, stream, unreadable};
use crate::broker::BrokerError;
use crate::broker::kit::dead_letters::{self, NumberedMessage};

/// The dead letters of a connection.
pub(super) struct DeadLetterMessages {
    api: Arc<JetStreamApi>,
    name: String,
    stream: Stream<()>,
    topics: Vec<String>,
}

impl DeadLetterMessages {
    /// Finds the stream that has these topics.
    pub(super) async fn open(
        api: Arc<JetStreamApi>,
        topics: Vec<String>,
    ) -> Result<Self, BrokerError> {
        // An unavailable server is an error: the caller does not wait for it.
        let _ = timeout(PATIENCE, api.connection.connected()).await;
        api.connection.check()?;
        let context = api.context();
        let name = stream::dead_letter_stream(&context, &topics).await?;
        let stream = context.get_stream_no_info(&name).await;
        let failed = |error| error::no_answer("the dead letters cannot be read", &error);
        Ok(Self {
            api,
            name,
            stream: stream.map_err(|error| failed(error.to_string()))?,
            topics,
        })
    }
}

#[async_trait]
impl dead_letters::DeadLetterSource for DeadLetterMessages {
    /// Returns the first message on any of the topics, from this number on.
    async fn next(&self, from: i64) -> Result<Option<NumberedMessage>, BrokerError> {
        let mut first: Option<RawMessage> = None;
        for topic in &self.topics {
            let from = from.unsigned_abs().max(1);
            let JetStreamApi {
                connection, prefix, ..
            } = &*self.api;
            let found = raw::next(connection, prefix, &self.name, topic, from).await?;
            if let Some(found) = found
                && first.as_ref().is_none_or(|it| found.sequence < it.sequence)
            {
                first = Some(found);
            }
        }
        Ok(first.map(numbered))
    }

    async fn remove(&self, number: i64) -> Result<(), BrokerError> {
        let what = format!("the dead letter {number} cannot be removed");
        let removed = self.stream.delete_message(number.unsigned_abs()).await;
        removed.map(drop).map_err(|failed| match failed.kind() {
            DeleteMessageErrorKind::JetStream(refused) => error::api(&what, &refused),
            _ => error::no_answer(&what, &failed),
        })
    }
}

fn numbered(found: RawMessage) -> NumberedMessage {
    let headers = unreadable::readable(&found.headers);
    let arrived = headers::decode(&found.subject, found.data, Some(&headers));
    NumberedMessage {
        number: i64::try_from(found.sequence).unwrap_or(i64::MAX),
        message: arrived.message,
    }
}
