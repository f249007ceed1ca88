//! The store as another process may use it while the bridge runs: ledgers,
//! dead letters, subscriptions that go. It takes no lock, and the running bridge notices what it does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::blocked_keys;
use super::database;
use super::dead_letters;
use super::error::StoreError;
use super::forget;
use super::kept_message::{DeadLetterFilter, KeptDeadLetter};
use super::ledger::{self, Ledger};
use super::quarantine;
use super::subscription_route::{self, SubscriptionRoute};
use crate::message::TopicPattern;

/// Nothing is written for longer at a time, and the bridge can write between.
const STEP: Duration = Duration::from_millis(10);
/// In this time the bridge writes what waited.
const PAUSE: Duration = Duration::from_millis(10);
/// So many dead letters are moved before the time is looked at.
const AT_ONCE: usize = 20;

/// What became of a subscription that is to be forgotten.
enum Forgotten {
    All,
    NotEmpty,
}

/// Looks into the store of an embedded broker. Its functions block on the disk.
pub struct Inspector {
    conn: Connection,
    file: PathBuf,
}

impl Inspector {
    /// Opens the store in a folder; none is made where there is none.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            conn: database::open_existing(folder)?,
            file: database::file(folder),
        })
    }

    /// Whether a bridge has the store open.
    pub fn is_served(&self) -> bool {
        self.file.parent().is_some_and(database::is_locked)
    }

    /// What became of every message, subscription by subscription.
    pub fn ledgers(&self) -> Result<Vec<Ledger>, StoreError> {
        ledger::read(&self.conn).map_err(database::failed(&self.file))
    }

    /// The topics of each subscription that the store knows.
    pub fn topics(&self) -> Result<BTreeMap<String, Vec<TopicPattern>>, StoreError> {
        let routes =
            subscription_route::routes(&self.conn).map_err(database::failed(&self.file))?;
        Ok(routes
            .into_iter()
            .map(SubscriptionRoute::into_topics)
            .collect())
    }

    /// How many of the messages that are kept these topics select.
    pub fn kept(&self, topics: &[TopicPattern]) -> Result<u64, StoreError> {
        ledger::kept(&self.conn, topics).map_err(database::failed(&self.file))
    }

    /// That of one subscription.
    pub fn ledger(&self, name: &str) -> Result<Ledger, StoreError> {
        let mut ledgers = self.ledgers()?;
        match ledgers.iter().position(|one| one.subscription == name) {
            Some(found) => Ok(ledgers.swap_remove(found)),
            None => {
                let known: Vec<_> = ledgers.into_iter().map(|one| one.subscription).collect();
                let known = match known.is_empty() {
                    true => "none yet".into(),
                    false => known.join(", "),
                };
                Err(StoreError::NoSubscription {
                    name: name.into(),
                    known,
                })
            }
        }
    }

    /// Removes a subscription with its pending deliveries and dead letters;
    /// where there are any, only if they may be lost.
    pub fn forget(&self, name: &str, may_lose: bool) -> Result<(), StoreError> {
        loop {
            // Not within the transaction, as counting takes long.
            let ledger = self.ledger(name)?;
            let not_empty = || StoreError::NotEmpty {
                name: name.into(),
                pending: ledger.pending,
                dead_letters: ledger.dead_letters(),
            };
            if !may_lose && !ledger.is_settled() {
                return Err(not_empty());
            }
            let failed = database::failed(&self.file);
            match self.forget_all(name, may_lose).map_err(failed)? {
                Forgotten::All => return Ok(()),
                // Something came since it was counted.
                Forgotten::NotEmpty => {}
            }
        }
    }

    fn forget_all(&self, name: &str, may_lose: bool) -> rusqlite::Result<Forgotten> {
        loop {
            let until = Instant::now() + STEP;
            let step = database::in_transaction(&self.conn, |conn| {
                if !may_lose && !forget::is_empty(conn, name)? {
                    return Ok(Some(Forgotten::NotEmpty));
                }
                while !forget::step(conn, name)? {
                    if Instant::now() >= until {
                        return Ok(None);
                    }
                }
                Ok(Some(Forgotten::All))
            });
            if let Some(forgotten) = step? {
                return Ok(forgotten);
            }
            sleep(PAUSE);
        }
    }

    /// Dead letters, oldest first: at most `limit` of those after the number
    /// `after`, so that many can be listed page by page.
    pub fn dead_letters(
        &self,
        which: &DeadLetterFilter,
        after: i64,
        limit: usize,
    ) -> Result<Vec<KeptDeadLetter>, StoreError> {
        self.check(which)?;
        dead_letters::list(&self.conn, which, after, limit).map_err(database::failed(&self.file))
    }

    /// One dead letter, with its message.
    pub fn dead_letter(&self, id: i64) -> Result<KeptDeadLetter, StoreError> {
        let letter = match dead_letters::show(&self.conn, id) {
            // Without the data, then: the reason says why.
            Err(error) if quarantine::is_row_error(&error) => {
                let listed = dead_letters::list(&self.conn, &DeadLetterFilter::Id(id), i64::MIN, 1);
                listed.map(|letters| letters.into_iter().next())
            }
            shown => shown,
        };
        letter
            .map_err(database::failed(&self.file))?
            .ok_or(StoreError::NoDeadLetter(id))
    }

    /// The keys of a subscription that letters block, or whose messages wait
    /// for those before them.
    pub fn blocked_keys(&self, name: &str) -> Result<Vec<String>, StoreError> {
        blocked_keys::keys(&self.conn, name).map_err(database::failed(&self.file))
    }

    /// Has the letters of a subscription block nothing any more.
    pub fn unblock(&self, name: &str) -> Result<(), StoreError> {
        if self.blocked_keys(name)?.is_empty() {
            return Ok(());
        }
        let done =
            database::in_transaction(&self.conn, |conn| blocked_keys::release_all(conn, name));
        done.map_err(database::failed(&self.file))
    }

    /// Makes dead letters pending again, due at once, their attempts counted
    /// from 1. Says how many.
    pub fn replay(&self, which: &DeadLetterFilter) -> Result<u64, StoreError> {
        self.in_steps(which, dead_letters::replay)
    }

    /// Forgets dead letters; retention removes their messages. They stay
    /// counted as dead-lettered, and as dropped. Says how many.
    pub fn drop_dead_letters(&self, which: &DeadLetterFilter) -> Result<u64, StoreError> {
        self.in_steps(which, dead_letters::drop)
    }

    /// Those that are there now, and no later ones: a replayed one may come back.
    fn in_steps(
        &self,
        which: &DeadLetterFilter,
        step: fn(&Connection, &[i64]) -> rusqlite::Result<u64>,
    ) -> Result<u64, StoreError> {
        self.check(which)?;
        let mut ids = dead_letters::ids(&self.conn, which).map_err(database::failed(&self.file))?;
        // The last one first out of the list: it is cut short in one go.
        ids.reverse();
        let mut done = 0;
        while !ids.is_empty() {
            let until = Instant::now() + STEP;
            let moved = database::in_transaction(&self.conn, |conn| {
                let mut moved = 0;
                while !ids.is_empty() && Instant::now() < until {
                    let mut next = ids.split_off(ids.len().saturating_sub(AT_ONCE));
                    next.reverse();
                    moved += step(conn, &next)?;
                }
                Ok(moved)
            });
            done += moved.map_err(database::failed(&self.file))?;
            if !ids.is_empty() {
                sleep(PAUSE);
            }
        }
        Ok(done)
    }

    fn check(&self, which: &DeadLetterFilter) -> Result<(), StoreError> {
        match which {
            DeadLetterFilter::All => Ok(()),
            DeadLetterFilter::Id(id) => self.dead_letter(*id).map(drop),
            DeadLetterFilter::Subscription(name) => self.ledger(name).map(drop),
        }
    }
}
