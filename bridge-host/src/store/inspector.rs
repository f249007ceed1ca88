//! Access to the store for other processes while the bridge runs: ledgers, dead letters, and
//! removing subscriptions. It takes no lock, and the running bridge notices the changes.

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

/// The longest time for one transaction, so that the bridge can write in between.
const STEP: Duration = Duration::from_millis(10);
/// The pause between two transactions, in which the bridge writes.
const PAUSE: Duration = Duration::from_millis(10);
/// The dead letters that are moved before the elapsed time is checked.
const AT_ONCE: usize = 20;

/// Whether a subscription was removed.
enum Forgotten {
    All,
    NotEmpty,
}

/// Reads and changes the store of an embedded broker. All functions block on disk I/O.
///
/// # Examples
///
/// ```no_run
/// use std::path::Path;
///
/// use bridge_host::store::Inspector;
///
/// # fn show() -> Result<(), bridge_host::store::StoreError> {
/// for ledger in Inspector::open(Path::new("bridge-data"))?.ledgers()? {
///     println!("{}: {} pending", ledger.subscription, ledger.pending);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Inspector {
    conn: Connection,
    file: PathBuf,
}

impl Inspector {
    /// Opens the store in a folder. Returns an error if there is no store.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            conn: database::open_existing(folder)?,
            file: database::file(folder),
        })
    }

    /// Returns whether a bridge has the store open.
    pub fn is_served(&self) -> bool {
        self.file.parent().is_some_and(database::is_locked)
    }

    /// Returns the ledger of each subscription.
    pub fn ledgers(&self) -> Result<Vec<Ledger>, StoreError> {
        ledger::read(&self.conn).map_err(database::failed(&self.file))
    }

    /// Returns the topics of each subscription in the store.
    pub fn topics(&self) -> Result<BTreeMap<String, Vec<TopicPattern>>, StoreError> {
        let routes =
            subscription_route::routes(&self.conn).map_err(database::failed(&self.file))?;
        Ok(routes
            .into_iter()
            .map(SubscriptionRoute::into_topics)
            .collect())
    }

    /// Returns how many messages in the store these topics select.
    pub fn kept(&self, topics: &[TopicPattern]) -> Result<u64, StoreError> {
        ledger::kept(&self.conn, topics).map_err(database::failed(&self.file))
    }

    /// Returns the ledger of one subscription.
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

    /// Removes a subscription with its pending deliveries and dead letters. If it has any,
    /// `may_lose` must be `true`.
    pub fn forget(&self, name: &str, may_lose: bool) -> Result<(), StoreError> {
        loop {
            // The ledger is read outside the transaction, because counting takes long.
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
                // A message arrived after the ledger was read.
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

    /// Returns at most `limit` dead letters with a number above `after`, oldest first. Callers list
    /// them in pages.
    pub fn dead_letters(
        &self,
        which: &DeadLetterFilter,
        after: i64,
        limit: usize,
    ) -> Result<Vec<KeptDeadLetter>, StoreError> {
        self.check(which)?;
        dead_letters::list(&self.conn, which, after, limit).map_err(database::failed(&self.file))
    }

    /// Returns one dead letter with its message.
    pub fn dead_letter(&self, id: i64) -> Result<KeptDeadLetter, StoreError> {
        let letter = match dead_letters::show(&self.conn, id) {
            // The dead letter is shown without its data; its reason says why.
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

    /// Returns the keys of a subscription that dead letters block, or that messages wait for.
    pub fn blocked_keys(&self, name: &str) -> Result<Vec<String>, StoreError> {
        blocked_keys::keys(&self.conn, name).map_err(database::failed(&self.file))
    }

    /// Releases all blocked keys of a subscription.
    pub fn unblock(&self, name: &str) -> Result<(), StoreError> {
        if self.blocked_keys(name)?.is_empty() {
            return Ok(());
        }
        let done =
            database::in_transaction(&self.conn, |conn| blocked_keys::release_all(conn, name));
        done.map_err(database::failed(&self.file))
    }

    /// Makes dead letters pending again, due at once, with their attempts counted from 1. Returns
    /// how many.
    pub fn replay(&self, which: &DeadLetterFilter) -> Result<u64, StoreError> {
        self.in_steps(which, dead_letters::replay)
    }

    /// Drops dead letters; retention removes their messages. They still count as dead-lettered, and
    /// also as dropped. Returns how many.
    pub fn drop_dead_letters(&self, which: &DeadLetterFilter) -> Result<u64, StoreError> {
        self.in_steps(which, dead_letters::drop)
    }

    /// Runs `step` for the dead letters that exist now. A replayed message that fails again is not
    /// included.
    fn in_steps(
        &self,
        which: &DeadLetterFilter,
        step: fn(&Connection, &[i64]) -> rusqlite::Result<u64>,
    ) -> Result<u64, StoreError> {
        self.check(which)?;
        let mut ids = dead_letters::ids(&self.conn, which).map_err(database::failed(&self.file))?;
        // Reversed, so that taking the next ones only shortens the list.
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
