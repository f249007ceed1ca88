//! Dead letters that are messages of a broker, found by their topics and listed in pages.
//! `broker::DeadLetterTopic` publishes them; each broker implements the search for them.

use std::time::UNIX_EPOCH;

use async_trait::async_trait;

use crate::broker::{BrokerError, DeadLetterFilter, KeptDeadLetter, dead_letter_topic};
use crate::message::{Message, MessageId};

/// A message on one of the topics of dead letters, and its number at the broker.
pub struct NumberedMessage {
    /// The number. Newer messages have higher numbers.
    pub number: i64,
    /// The message.
    pub message: Message,
}

/// A broker's messages on the topics of dead letters.
#[async_trait]
pub trait DeadLetterSource: Send + Sync {
    /// Returns the first message with this number or a higher one.
    async fn next(&self, from: i64) -> Result<Option<NumberedMessage>, BrokerError>;

    /// Removes the message with this number.
    async fn remove(&self, number: i64) -> Result<(), BrokerError>;
}

/// Returns dead letters, oldest first, without their data: at most `limit` of those
/// with a number above `after`.
pub async fn page(
    source: &dyn DeadLetterSource,
    which: &DeadLetterFilter,
    after: i64,
    limit: usize,
) -> Result<Vec<KeptDeadLetter>, BrokerError> {
    let mut page = Vec::new();
    let mut next = after.max(0) + 1;
    while page.len() < limit {
        let Some(found) = source.next(next).await? else {
            break;
        };
        next = found.number + 1;
        page.extend(read_dead_letter(found).filter(|letter| is_selected(letter, which)));
    }
    for letter in &mut page {
        letter.message.data.clear();
    }
    Ok(page)
}

/// Returns the dead letter with this number.
pub async fn one(
    source: &dyn DeadLetterSource,
    number: i64,
) -> Result<Option<KeptDeadLetter>, BrokerError> {
    let found = source.next(number).await?;
    Ok(found
        .and_then(read_dead_letter)
        .filter(|letter| letter.id == number))
}

/// Returns the id under which a replay publishes this dead letter's message. A second
/// replay has the same id, so it is a duplicate.
pub fn replay_id(letter: &KeptDeadLetter) -> MessageId {
    let at = letter.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = format!("letter-{}-{}", letter.id, at.as_nanos());
    MessageId::parse(&text).expect("letters, digits and hyphens are an id")
}

/// Reads a dead letter. `None` for a message that is not a dead letter of a bridge.
fn read_dead_letter(found: NumberedMessage) -> Option<KeptDeadLetter> {
    dead_letter_topic::read(found.number, found.message)
}

fn is_selected(letter: &KeptDeadLetter, which: &DeadLetterFilter) -> bool {
    match which {
        DeadLetterFilter::All => true,
        DeadLetterFilter::Subscription(name) => letter.subscription == *name,
        DeadLetterFilter::Id(id) => letter.id == *id,
    }
}
