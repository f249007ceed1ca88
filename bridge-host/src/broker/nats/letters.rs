//! Dead letters in a stream, found by their topics, numbered by their place in
//! it. They come about as published messages: `broker::LetterTopic`.

use async_nats::jetstream::stream::{DeleteMessageErrorKind, Stream};
use tokio::time::timeout;

use super::api::{Api, PATIENCE};
use super::connect::{ConnectError, Link};
use super::raw::{self, RawMessage};
use super::settings::JetStreamSettings;
use super::{error, headers, stream, unreadable};
use crate::broker::{BrokerError, KeptDeadLetter, Which, letter_topic};
use crate::message::MessageId;

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
    async fn next(&self, from: i64) -> Result<Option<RawMessage>, BrokerError> {
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
        Ok(first)
    }
}

fn number(found: &RawMessage) -> i64 {
    i64::try_from(found.sequence).unwrap_or(i64::MAX)
}

/// `None` for a message that is no letter of ours.
fn letter(found: RawMessage) -> Option<KeptDeadLetter> {
    let number = number(&found);
    let headers = unreadable::readable(&found.headers);
    let arrived = headers::decode(&found.subject, found.data, Some(&headers));
    letter_topic::read(number, arrived.message)
}

fn is_meant(letter: &KeptDeadLetter, which: &Which) -> bool {
    match which {
        Which::All => true,
        Which::Subscription(name) => letter.subscription == *name,
        Which::Id(id) => letter.id == *id,
    }
}
