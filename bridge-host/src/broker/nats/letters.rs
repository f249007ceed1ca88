//! Dead letters in a stream, found by their topics, numbered by their place in
//! it. They come about as published messages: `broker::LetterTopic`.

use std::sync::Arc;
use std::time::Duration;

use async_nats::header::HeaderMap;
use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{
    DeleteMessageErrorKind, LastRawMessageErrorKind, RawMessageError, Stream,
};
use tokio::time::timeout;

use super::connect::{ConnectError, Link};
use super::settings::JetStreamSettings;
use super::{error, headers, stream};
use crate::broker::{BrokerError, KeptDeadLetter, Which, letter_topic};
use crate::message::MessageId;

/// For the server to be there, and to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The dead letters of a connection.
pub struct Letters {
    _link: Arc<Link>,
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
        let context = context(&link, settings);
        let stream = stream::of_letters(&context, &topics).await?;
        let stream = context.get_stream_no_info(&stream).await;
        let failed = |error| error::no_answer("the dead letters cannot be read", &error);
        Ok(Self {
            _link: link,
            stream: stream.map_err(|error| failed(error.to_string()))?,
            topics,
        })
    }

    /// Dead letters, oldest first: at most `limit` of those after the number
    /// `after`, their data left out.
    pub async fn page(
        &self,
        which: &Which,
        after: i64,
        limit: usize,
    ) -> Result<Vec<KeptDeadLetter>, BrokerError> {
        let mut page = Vec::new();
        let mut next = after.max(0) + 1;
        while page.len() < limit {
            let Some(found) = self.next(next).await? else {
                break;
            };
            next = number(&found) + 1;
            page.extend(letter(found).filter(|letter| is_meant(letter, which)));
        }
        for letter in &mut page {
            letter.message.data.clear();
        }
        Ok(page)
    }

    /// The one with this number.
    pub async fn one(&self, number: i64) -> Result<Option<KeptDeadLetter>, BrokerError> {
        let found = self.next(number).await?;
        Ok(found.and_then(letter).filter(|letter| letter.id == number))
    }

    /// Removes the one with this number.
    pub async fn remove(&self, number: i64) -> Result<(), BrokerError> {
        let what = format!("the dead letter {number} cannot be removed");
        let removed = self.stream.delete_message(number.unsigned_abs()).await;
        removed.map(drop).map_err(|failed| match failed.kind() {
            DeleteMessageErrorKind::JetStream(refused) => error::api(&what, &refused),
            _ => error::no_answer(&what, &failed),
        })
    }

    /// The id that the publication of this letter's message has: made once
    /// more, it is a duplicate.
    pub fn once(&self, letter: &KeptDeadLetter) -> MessageId {
        let at = letter.at.duration_since(std::time::UNIX_EPOCH);
        let text = format!("letter-{}-{}", letter.id, at.unwrap_or_default().as_nanos());
        MessageId::parse(&text).expect("letters, digits and hyphens are an id")
    }

    /// The first message from this number on, on any of the topics.
    async fn next(&self, from: i64) -> Result<Option<StreamMessage>, BrokerError> {
        let mut first: Option<StreamMessage> = None;
        for topic in &self.topics {
            let from = from.unsigned_abs().max(1);
            let found = self.stream.get_first_raw_message_by_subject(topic, from);
            let found = found_or_none(found.await)?;
            if let Some(found) = found
                && first.as_ref().is_none_or(|it| found.sequence < it.sequence)
            {
                first = Some(found);
            }
        }
        Ok(first)
    }
}

fn context(link: &Link, settings: &JetStreamSettings) -> Context {
    let builder = ContextBuilder::new().timeout(PATIENCE);
    match &settings.domain {
        None => builder.build(link.client.clone()),
        Some(domain) => builder.domain(domain).build(link.client.clone()),
    }
}

fn found_or_none(
    found: Result<StreamMessage, RawMessageError>,
) -> Result<Option<StreamMessage>, BrokerError> {
    let what = "the dead letters cannot be read";
    match found {
        Ok(found) => Ok(Some(found)),
        Err(failed) => match failed.kind() {
            LastRawMessageErrorKind::NoMessageFound => Ok(None),
            LastRawMessageErrorKind::JetStream(refused) => Err(error::api(what, &refused)),
            _ => Err(error::no_answer(what, &failed)),
        },
    }
}

fn number(found: &StreamMessage) -> i64 {
    i64::try_from(found.sequence).unwrap_or(i64::MAX)
}

/// `None` for a message that is no letter of ours.
fn letter(found: StreamMessage) -> Option<KeptDeadLetter> {
    let number = number(&found);
    let headers: &HeaderMap = &found.headers;
    let arrived = headers::decode(&found.subject, found.payload, Some(headers));
    letter_topic::read(number, arrived.message)
}

fn is_meant(letter: &KeptDeadLetter, which: &Which) -> bool {
    match which {
        Which::All => true,
        Which::Subscription(name) => letter.subscription == *name,
        Which::Id(id) => letter.id == *id,
    }
}
