//! Dead letters that are published on topics of a broker: looked at in its
//! stream, and sent back to where they came from.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::Error;
use super::show::{self, PAGE};
use crate::broker::dead_letters::{self, Source};
use crate::broker::{Broker, BrokerError, KeptDeadLetter, Refusal, Which};
use crate::cli::output;
use crate::cli::store::Published;
use crate::config::Config;
use crate::message::MessageId;

/// The letters of a connection, and whom they may be sent back to.
pub(super) struct Topics {
    letters: Box<dyn Source>,
    config: Config,
    brokers: BTreeMap<String, Arc<dyn Broker>>,
}

impl Topics {
    /// Connects.
    pub(super) async fn open(published: Published) -> Result<Self, Error> {
        let Published {
            name,
            topics,
            config,
        } = published;
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

    pub(super) async fn list(&self, which: &Which, json: bool) -> Result<(), Error> {
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

    /// Publishes each to where it came from, for its subscription alone, and
    /// removes it after. A crash between them can only do the first once more.
    pub(super) async fn replay(&mut self, which: &Which) -> Result<u64, Error> {
        let mut done = 0;
        for number in self.numbers(which).await? {
            let letter = self.one(number).await?;
            let again = self.send_back(letter).await;
            again.map_err(|error| Error::NotAll(done, "replayed", error.to_string()))?;
            self.letters.remove(number).await?;
            done += 1;
        }
        Ok(done)
    }

    pub(super) async fn drop_them(&self, which: &Which) -> Result<u64, Error> {
        let mut done = 0;
        for number in self.numbers(which).await? {
            let removed = self.letters.remove(number).await;
            removed.map_err(|error| Error::NotAll(done, "dropped", error.to_string()))?;
            done += 1;
        }
        Ok(done)
    }

    async fn send_back(&mut self, mut letter: KeptDeadLetter) -> Result<(), Error> {
        let once = dead_letters::once(&letter);
        let broker = self.broker(&letter.subscription).await?;
        let id = MessageId::parse(&letter.message_id).unwrap_or_else(|_| once.clone());
        let group = &letter.subscription;
        letter.message.set_hops(0);
        let back = broker.republish();
        let back = back.ok_or_else(|| BrokerError::from(Refusal::NoRepublish))?;
        Ok(back.republish(letter.message, &id, group, &once).await?)
    }

    /// What a subscription's messages come from.
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

    /// Those that are there now, and no later ones: a replayed one may come back.
    async fn numbers(&self, which: &Which) -> Result<Vec<i64>, Error> {
        if let Which::Id(number) = which {
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
