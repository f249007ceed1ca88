//! The only thread that writes: takes a batch from the queue, commits it, and answers the callers.
//!
//! Each file in this folder has one kind of work.

mod bookkeeping;
mod disk_space;
mod failed_settlements;
mod foreign_messages;
mod full_disk;
mod group;
mod letter_retention;
mod retention_limit;
mod schedule;
mod upkeep;

use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::clock::millis;
use super::clock_correction;
use super::database::{data_version, failed, file, in_transaction};
use super::disk_reserve::Reserve;
use super::error::{StoreError, StoreFailure, WriteFault};
use super::feed::Feed;
use super::file_watch::FileWatch;
use super::join::{self, GroupSpec, JoinCommand, Membership};
use super::queue::Batch;
use super::quota::Quotas;
use super::retention::Retainer;
use super::settings::{LetterRetention, Settings};
use super::settle::SettleCommand;
use super::state::StoreState;
use super::subscription_route::{self, SubscriptionRoute};
use bookkeeping::Bookkeeping;
use disk_space::DiskSpace;
use schedule::MaintenanceSchedule;

/// The wait before settlements that could not be written are retried.
const RETRY_AFTER: Duration = Duration::from_millis(500);

pub(super) struct Writer {
    conn: Connection,
    /// The lock of the folder.
    _lock: File,
    shared: Arc<StoreState>,
    books: Bookkeeping,
    upkeep: MaintenanceSchedule,
    /// Settlements for which the disk had no room. Their number is limited by what is in flight and
    /// by the acknowledgements of each feed.
    backlog: Vec<SettleCommand>,
    retry_at: Instant,
    /// Settlements that could not be written although others could, with the time of their retry.
    faulty: Vec<(Instant, SettleCommand)>,
    room: DiskSpace,
    letters: LetterRetention,
    /// `None` if the files cannot be watched.
    presence: Option<FileWatch>,
    /// The size of the smallest message that was refused at the size limit, until there is room for
    /// it.
    refused: Option<u64>,
}

/// The files that a writer works on.
pub(super) struct OpenedFiles {
    pub(super) conn: Connection,
    pub(super) lock: File,
    pub(super) reserve: Option<Reserve>,
}

/// Starts the thread.
pub(super) fn spawn(
    opened: OpenedFiles,
    shared: Arc<StoreState>,
    settings: Settings,
) -> Result<JoinHandle<()>, StoreError> {
    let path = file(&settings.path);
    let OpenedFiles {
        conn,
        lock,
        reserve,
    } = opened;
    let version = data_version(&conn).map_err(failed(&path))?;
    clock_correction::correct(&conn).map_err(failed(&path))?;
    let routes = subscription_route::routes(&conn).map_err(failed(&path))?;
    let kept = conn.query_row("SELECT size FROM totals", [], |row| row.get(0));
    let upkeep = MaintenanceSchedule::new(version);
    let window = millis(settings.deduplication_window);
    let quotas = in_transaction(&conn, |conn| Quotas::prepare(conn, &settings));
    let letters = settings.retention.dead_letters.clone();
    let books = Bookkeeping {
        routes,
        quotas: quotas.map_err(failed(&path))?,
        version,
        retainer: Retainer::new(settings.retention, window),
        kept: kept.map_err(failed(&path))?,
    };
    let writer = Writer {
        conn,
        _lock: lock,
        room: DiskSpace::new(&shared, reserve),
        shared,
        books,
        upkeep,
        backlog: Vec::new(),
        retry_at: Instant::now(),
        faulty: Vec::new(),
        letters,
        presence: FileWatch::of(&path).ok(),
        refused: None,
    };
    let thread = std::thread::Builder::new().name("embedded-writer".into());
    thread
        .spawn(move || writer.run())
        .map_err(|source| StoreError::Folder {
            path: settings.path,
            source,
        })
}

impl Writer {
    fn run(mut self) {
        let _end = StopOnDrop(Arc::clone(&self.shared));
        loop {
            let batch = self.shared.queue.next(self.idle());
            let last = batch.last;
            if self.shared.is_poisoned() {
                self.refuse(batch);
            } else {
                self.run_batch(batch, last);
                self.upkeep();
            }
            if last {
                break;
            }
        }
        let faulty = std::mem::take(&mut self.faulty).into_iter();
        let backlog = std::mem::take(&mut self.backlog).into_iter();
        for settle in backlog.chain(faulty.map(|(_, settle)| settle)) {
            settle.failed(StoreFailure::Closed);
        }
    }

    /// Returns how long the queue may stay empty before other work is due.
    fn idle(&self) -> Duration {
        let now = Instant::now();
        let upkeep = self.upkeep.next_at();
        let next = match self.backlog.is_empty() {
            true => upkeep,
            false => upkeep.min(self.retry_at),
        };
        let faulty = self.faulty.iter().map(|(at, _)| *at).min();
        let next = faulty.map_or(next, |at| next.min(at));
        next.saturating_duration_since(now)
    }

    fn run_batch(&mut self, batch: Batch, last: bool) {
        for join in batch.joins {
            self.join(join);
        }
        self.keep(batch.keeps);
        let publishes = self.admit(batch.publishes);
        self.backlog.extend(batch.settles);
        let settles = match last || Instant::now() >= self.retry_at {
            true => std::mem::take(&mut self.backlog),
            false => Vec::new(),
        };
        if !publishes.is_empty() || !settles.is_empty() {
            self.write(publishes, settles);
        }
        self.try_faulty(last);
        self.answer_turns(batch.turns);
    }

    fn refuse(&mut self, batch: Batch) {
        self.backlog.extend(batch.settles);
        let settles = std::mem::take(&mut self.backlog);
        self.fail(batch.publishes, settles);
        self.fail_keeps(batch.keeps);
        self.fail_turns(batch.turns);
        for join in batch.joins {
            let _ = join
                .reply
                .send(self.shared.check().and(Err(StoreFailure::Closed)));
        }
    }

    fn join(&mut self, join: JoinCommand) {
        let result = self.try_join(&join.spec);
        // If the caller has gone, dropping the membership ends it.
        let _ = join.reply.send(result);
    }

    fn try_join(&mut self, spec: &GroupSpec) -> Result<Membership, StoreFailure> {
        let routes = &mut self.books.routes;
        let known = routes.iter().position(|route| route.name == spec.name);
        if let Some(known) = known {
            routes[known].check(&spec.topics, spec.ordered)?;
        }
        let mut route = self.save(spec)?;
        let old = known.map(|known| self.books.routes.swap_remove(known));
        // Another process may have removed the subscription; then this is a new one.
        let old = old.filter(|old| old.sub == route.sub);
        let feed = old.and_then(|old| old.feed).unwrap_or_else(|| {
            let feed = Arc::new(Feed::new(route.sub, &route.name));
            self.shared.add_feed(Arc::clone(&feed));
            feed
        });
        route.feed = Some(Arc::clone(&feed));
        self.books.routes.push(route);
        Ok(Membership::new(feed, spec.ordered))
    }

    /// Writes the subscription. On a full disk, the reserve is released first.
    fn save(&mut self, spec: &GroupSpec) -> Result<SubscriptionRoute, StoreFailure> {
        let saved = match self.try_save(spec) {
            Err(error)
                if matches!(WriteFault::of(&error), WriteFault::Full(_)) && self.use_reserve() =>
            {
                self.try_save(spec)
            }
            saved => saved,
        };
        saved.map_err(|error| self.fault(&error).for_caller())
    }

    fn try_save(&self, spec: &GroupSpec) -> rusqlite::Result<SubscriptionRoute> {
        in_transaction(&self.conn, |conn| {
            let route = join::save(conn, spec)?;
            self.books.quotas.begin(conn, route.sub, &route.name)?;
            Ok(route)
        })
    }

    /// Returns whether the open files are still the files on disk. Otherwise stops the store.
    fn files_are_intact(&mut self) -> bool {
        match self.presence.as_mut().map(FileWatch::check) {
            Some(Err(why)) => {
                self.shared.poison(&why);
                false
            }
            Some(Ok(())) | None => true,
        }
    }

    /// Classifies an error. A fatal one stops the store.
    fn fault(&self, error: &rusqlite::Error) -> WriteFault {
        let fault = WriteFault::of(error);
        if let WriteFault::Fatal(why) = &fault {
            self.shared.poison(why);
        }
        fault
    }
}

/// Closes the queue when the thread ends, even by a panic, so that all callers get an answer.
struct StopOnDrop(Arc<StoreState>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0
                .poison("its writer failed, which is a fault of this program");
        }
        self.0.queue.abandon();
        self.0.close();
    }
}
