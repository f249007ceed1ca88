//! Dead letters in the stream, selected by their topics and numbered by their entries' ids.
//! `broker::DeadLetterTopic` publishes them.

use std::sync::Arc;

use async_trait::async_trait;
use redis::cmd;
use tokio::time::timeout;

use super::client::ReconnectingClient;
use super::connect::ANSWER;
use super::entry::{Entry, list};
use super::entry_id::EntryId;
use super::fields;
use crate::broker::BrokerError;
use crate::broker::kit::dead_letters::{self, NumberedMessage};

/// The most entries that one request reads.
const PAGE: usize = 1024;

/// The dead letters of a connection.
pub(super) struct DeadLetterMessages {
    client: Arc<ReconnectingClient>,
    stream: String,
    topics: Vec<String>,
}

impl DeadLetterMessages {
    /// Opens the dead letters on these topics of the stream.
    pub(super) async fn open(
        client: Arc<ReconnectingClient>,
        stream: &str,
        topics: Vec<String>,
    ) -> Result<Self, BrokerError> {
        // An unavailable server is an error: the caller does not wait for it.
        let _ = timeout(ANSWER, client.connected()).await;
        client.query(&cmd("PING")).await?;
        Ok(Self {
            client,
            stream: stream.into(),
            topics,
        })
    }
}

#[async_trait]
impl dead_letters::DeadLetterSource for DeadLetterMessages {
    async fn next(&self, from: i64) -> Result<Option<NumberedMessage>, BrokerError> {
        let (mut from, mut count) = (EntryId::of_number(from).to_string(), 1);
        loop {
            let mut range = cmd("XRANGE");
            range.arg(&self.stream).arg(&from).arg("+");
            let entries = list(self.client.query(range.arg("COUNT").arg(count)).await?);
            let is_all = entries.len() < count;
            for entry in entries.into_iter().filter_map(Entry::of) {
                from = format!("({}", entry.id);
                let topic = fields::topic(&entry, &self.stream);
                if topic.is_ok_and(|topic| self.topics.contains(&topic)) {
                    let number = entry.id.number();
                    let message = fields::decode(entry, &self.stream).message;
                    return Ok(Some(NumberedMessage { number, message }));
                }
            }
            if is_all {
                return Ok(None);
            }
            count = PAGE.min(count * 4);
        }
    }

    async fn remove(&self, number: i64) -> Result<(), BrokerError> {
        let mut remove = cmd("XDEL");
        remove.arg(&self.stream);
        remove.arg(EntryId::of_number(number).to_string());
        self.client.query(&remove).await.map(drop)
    }
}
