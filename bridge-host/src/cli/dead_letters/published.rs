//! Dead letters on topics of a broker: lists them, shows them, and publishes them to the
//! broker that they came from. Dead letters in a store are in `dead_letters`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::Error;
use super::show::{self, PAGE};
use crate::broker::dead_letters::{self, DeadLetterSource};
use crate::broker::{Broker, BrokerError, DeadLetterFilter, KeptDeadLetter, Refusal};
use crate::cli::output;
use crate::cli::store::DeadLetterTopics;
use crate::config::Config;
use crate::message::MessageId;

/// The dead letters of a connection, and the brokers that they came from.
pub(super) struct Topics {
    letters: Box<dyn DeadLetterSource>,
    config: Config,
    brokers: BTreeMap<String, Arc<dyn Broker>>,
}

impl Topics {
    /// Connects to the broker.
    pub(super) async fn open(topics: DeadLetterTopics) -> Result<Self, Error> {
        let DeadLetterTopics {
            connection: name,
            topics,
            config,
        } = topics;
        let broker = config.connections[&name].open(&name).await?;
        let Some(keeper) = broker.dead_letter_topics() else {
            return Err(Error::NoLetters(name));
        };
        Ok(Self {
            letters: keeper.letters(topics).await?,
            config,
            brokers: BTreeMap::from([(name, broker.clone())]),
        })
    }

    pub(super) async fn list(&self, which: &DeadLetterFilter, json: bool) -> Result<(), Error> {
        let mut list = show::List::new(json);
        let mut after = 0;
        loop {
            let page = dead_letters::page(&*self.letters, which, after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(list.end()?);
            };
            after = last.id;
            if !list.page(&page)? {
                return Ok(());
            }
        }
    }

    pub(super) async fn show(&self, number: i64, json: bool) -> Result<(), Error> {
        Ok(output::text(&show::whole(&self.one(number).await?, json))?)
    }

    /// Publishes each message to its broker, for its subscription only, and then removes the
    /// dead letter. After a crash in between, a second replay publishes it again.
    pub(super) async fn replay(&mut self, which: &DeadLetterFilter) -> Result<u64, Error> {
        let mut done = 0;
        for number in self.numbers(which).await? {
            let letter = self.one(number).await?;
            let published = self.republish(letter).await;
            published.map_err(|error| Error::NotAll(done, "replayed", error.to_string()))?;
            self.letters.remove(number).await?;
            done += 1;
        }
        Ok(done)
    }

    pub(super) async fn drop_all(&self, which: &DeadLetterFilter) -> Result<u64, Error> {
        let mut done = 0;
        for number in self.numbers(which).await? {
            let removed = self.letters.remove(number).await;
            removed.map_err(|error| Error::NotAll(done, "dropped", error.to_string()))?;
            done += 1;
        }
        Ok(done)
    }

    async fn republish(&mut self, mut letter: KeptDeadLetter) -> Result<(), Error> {
        let once = dead_letters::replay_id(&letter);
        let broker = self.broker(&letter.subscription).await?;
        let id = MessageId::parse(&letter.message_id).unwrap_or_else(|_| once.clone());
        let group = &letter.subscription;
        letter.message.set_hops(0);
        let ability = broker.republish();
        let ability = ability.ok_or_else(|| BrokerError::from(Refusal::NoRepublish))?;
        Ok(ability.republish(letter.message, &id, group, &once).await?)
    }

    /// Returns the broker of a subscription's messages.
    async fn broker(&mut self, subscription: &str) -> Result<Arc<dyn Broker>, Error> {
        let mut all = self.config.subscriptions.iter();
        let known = all.find(|one| one.name == subscription);
        let known = known.ok_or_else(|| Error::NoSubscription(subscription.into()))?;
        if let Some(broker) = self.brokers.get(&known.from) {
            return Ok(broker.clone());
        }
        let connection = &self.config.connections[&known.from];
        let broker = connection.open(&known.from).await?;
        self.brokers.insert(known.from.clone(), broker.clone());
        Ok(broker)
    }

    async fn one(&self, number: i64) -> Result<KeptDeadLetter, Error> {
        let letter = dead_letters::one(&*self.letters, number).await?;
        letter.ok_or(Error::NoLetter(number))
    }

    /// Returns the numbers of the current dead letters. Later ones are not included, since
    /// a replayed message may become a dead letter again.
    async fn numbers(&self, which: &DeadLetterFilter) -> Result<Vec<i64>, Error> {
        if let DeadLetterFilter::Id(number) = which {
            return Ok(vec![self.one(*number).await?.id]);
        }
        let mut numbers = Vec::new();
        loop {
            let after = numbers.last().copied().unwrap_or_default();
            let page = dead_letters::page(&*self.letters, which, after, PAGE).await?;
            if page.is_empty() {
                return Ok(numbers);
            }
            numbers.extend(page.iter().map(|letter| letter.id));
        }
    }
}
