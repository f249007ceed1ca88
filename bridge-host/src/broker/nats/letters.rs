//! Dead letters in a stream, found by their topics, numbered by their place in
//! it. They come about as published messages: `broker::LetterTopic`.

use async_nats::jetstream::stream::{DeleteMessageErrorKind, Stream};
use async_trait::async_trait;
use tokio::time::timeout;

use super::api::{Api, PATIENCE};
use super::connect::{ConnectError, Link};
use super::raw::{self, RawMessage};
use super::settings::JetStreamSettings;
use super::{error, headers, stream, unreadable};
use crate::broker::BrokerError;
use crate::broker::kit::dead_letters::{self, Numbered};

/// The dead letters of a connection.
pub struct Letters {
    api: Api,
    name: String,
    stream: Stream<()>,
    topics: Vec<String>,
}

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum LettersError {
    /// It cannot even be tried to connect.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server is not there, or has no such stream.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl Letters {
    /// Finds the stream that has these topics. `name` is the connection's.
    pub async fn open(
        name: &str,
        settings: &JetStreamSettings,
        topics: Vec<String>,
    ) -> Result<Self, LettersError> {
        let link = Link::open(name, &settings.connection).await?;
        // A server that is not there is told of, and not waited for.
        let _ = timeout(PATIENCE, link.connected()).await;
        link.check()?;
        let api = Api::new(link, settings.domain.as_deref());
        let context = api.context();
        let name = stream::of_letters(&context, &topics).await?;
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
impl dead_letters::Source for Letters {
    /// The first message from this number on, on any of the topics.
    async fn next(&self, from: i64) -> Result<Option<Numbered>, BrokerError> {
        let mut first: Option<RawMessage> = None;
        for topic in &self.topics {
            let from = from.unsigned_abs().max(1);
            let Api { link, prefix, .. } = &self.api;
            let found = raw::next(link, prefix, &self.name, topic, from).await?;
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

fn numbered(found: RawMessage) -> Numbered {
    let headers = unreadable::readable(&found.headers);
    let arrived = headers::decode(&found.subject, found.data, Some(&headers));
    Numbered {
        number: i64::try_from(found.sequence).unwrap_or(i64::MAX),
        message: arrived.message,
    }
}
