//! The database file: its folder, its lock, its schema and upgrades, and the settings of
//! connections.
//!
//! Queries are in the files that use them.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::disk_reserve::Reserve;
use super::error::{StoreError, WriteFault};
use super::private_file::private;

/// The format that this version writes, as `user_version`.
const VERSION: i64 = 5;
/// The oldest format that this version upgrades.
const OLDEST: i64 = 2;
/// How long a connection waits for another process to finish its commit.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// The value of `auto_vacuum` for a database that releases free pages on request.
const INCREMENTAL: i64 = 2;
/// A database larger than this, in bytes, is not rewritten at startup.
const MAX_REWRITTEN: i64 = 1 << 28;

/// The column `size` precedes `data`, so that retention reads it without reading the data.
const SCHEMA: &str = "
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    topic TEXT NOT NULL,
    content_type TEXT,
    metadata TEXT,
    published_at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE TABLE totals (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL) STRICT;
INSERT INTO totals VALUES (1, 0);
CREATE TABLE recent_ids (
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (topic, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX recent_ids_at ON recent_ids (at);
CREATE TABLE subscriptions (
    sub INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    topics TEXT NOT NULL,
    ordered INTEGER NOT NULL,
    accepted INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    filtered INTEGER NOT NULL DEFAULT 0,
    dead_lettered INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE deliveries (
    sub INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER NOT NULL,
    key TEXT,
    first_attempt INTEGER,
    origin TEXT,
    PRIMARY KEY (sub, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX deliveries_origin ON deliveries (sub, origin) WHERE origin IS NOT NULL;
CREATE INDEX parked ON deliveries (sub, due) WHERE due > 0;
CREATE INDEX waiting ON deliveries (sub, key) WHERE key IS NOT NULL;
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sub INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    status INTEGER,
    attempts INTEGER NOT NULL,
    backtrace TEXT,
    origin TEXT,
    key TEXT
) STRICT;
CREATE INDEX dead_letters_sub ON dead_letters (sub);
CREATE INDEX dead_letters_seq ON dead_letters (seq);
CREATE UNIQUE INDEX dead_letters_origin ON dead_letters (sub, origin) WHERE origin IS NOT NULL;
CREATE INDEX dead_letters_key ON dead_letters (sub, key) WHERE key IS NOT NULL;
";

/// The upgrades from each format to the next, oldest first.
const UPGRADES: [&str; 3] = [
    "
ALTER TABLE deliveries ADD COLUMN key TEXT;
CREATE INDEX waiting ON deliveries (sub, key) WHERE key IS NOT NULL;
ALTER TABLE dead_letters ADD COLUMN origin TEXT;
ALTER TABLE dead_letters ADD COLUMN key TEXT;
CREATE UNIQUE INDEX dead_letters_origin ON dead_letters (sub, origin) WHERE origin IS NOT NULL;
CREATE INDEX dead_letters_key ON dead_letters (sub, key) WHERE key IS NOT NULL;
",
    "
ALTER TABLE deliveries ADD COLUMN first_attempt INTEGER;
ALTER TABLE deliveries ADD COLUMN origin TEXT;
CREATE UNIQUE INDEX deliveries_origin ON deliveries (sub, origin) WHERE origin IS NOT NULL;
",
    // `totals` now counts what `retention::stored_size` returns, instead of the bytes of the data.
    "
UPDATE totals SET size = (SELECT coalesce(sum(256 + CASE WHEN size <= 3072 THEN size
    ELSE (size + 4095) / 4096 * 4096 END), 0) FROM messages);
",
];
const _: () = assert!(OLDEST + UPGRADES.len() as i64 == VERSION);

/// Returns the path of the database in a folder.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join("bridge.db")
}

/// Creates the folder if it is missing, and locks it for this process until the returned file is
/// dropped.
pub(super) fn lock_folder(folder: &Path) -> Result<File, StoreError> {
    let failed = |source| StoreError::Folder {
        path: folder.into(),
        source,
    };
    if !folder.is_dir() {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(folder).map_err(failed)?;
        sync_parent(folder).map_err(failed)?;
    }
    make_private(folder).map_err(failed)?;
    let lock = private().open(folder.join("bridge.lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(folder.into())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Returns whether a process holds the lock of [`lock_folder`].
pub(super) fn is_locked(folder: &Path) -> bool {
    // A shared lock fails while a bridge runs, and delays a bridge that starts only for a moment.
    let lock = File::options().read(true).open(folder.join("bridge.lock"));
    let tried = lock.map(|lock| lock.try_lock_shared());
    matches!(tried, Ok(Err(TryLockError::WouldBlock)))
}

/// Removes the permissions of group and others, which an older version or a copy may have left.
fn make_private(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let ours = entry.file_name().to_string_lossy().starts_with("bridge.");
        let found = entry.metadata()?;
        if ours && found.is_file() && found.mode() & 0o077 != 0 {
            fs::set_permissions(entry.path(), Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// Makes the name of a new folder durable.
fn sync_parent(folder: &Path) -> std::io::Result<()> {
    match folder.parent() {
        Some(parent) if cfg!(unix) && !parent.as_os_str().is_empty() => {
            File::open(parent)?.sync_all()
        }
        _ => Ok(()),
    }
}

/// Opens the database for writing, and the reserve beside it. If the disk is full, the reserve is
/// released first.
pub(super) fn open_with_reserve(
    folder: &Path,
) -> Result<(Connection, Option<Reserve>), StoreError> {
    let mut reserve = Reserve::open(folder).ok();
    let conn = match open_or_create(folder) {
        Err(StoreError::Sqlite { source, .. })
            if matches!(WriteFault::of(&source), WriteFault::Full(_))
                && reserve.as_mut().is_some_and(Reserve::give_up) =>
        {
            open_or_create(folder)?
        }
        opened => opened?,
    };
    shrinkable(&conn).map_err(failed(&file(folder)))?;
    Ok((conn, reserve))
}

/// Enables the database to release its free pages. A database created without this setting is
/// rewritten, unless it is so large that the startup would take long.
fn shrinkable(conn: &Connection) -> rusqlite::Result<()> {
    let pragma = |sql| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    if pragma("PRAGMA auto_vacuum")? == INCREMENTAL {
        return Ok(());
    }
    let size = pragma("PRAGMA page_count")? * pragma("PRAGMA page_size")?;
    if size > MAX_REWRITTEN {
        tracing::info!(
            "the embedded broker's file of {} MiB never shrinks, because an older version created it. Set a new `path` to start with a file that does",
            size >> 20
        );
        return Ok(());
    }
    conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")
}

/// Moves free pages to the end of the database for at most `limit`. The next checkpoint removes
/// them. Returns whether free pages are left.
pub(super) fn vacuum(conn: &Connection, limit: Duration) -> rusqlite::Result<bool> {
    in_transaction(conn, |conn| {
        let until = Instant::now() + limit;
        let mut moves = conn.prepare_cached("PRAGMA incremental_vacuum")?;
        let mut pages = moves.query([])?;
        while pages.next()?.is_some() {
            if Instant::now() >= until {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Opens the database for writing, and creates its tables if it is empty.
pub(super) fn open_or_create(folder: &Path) -> Result<Connection, StoreError> {
    let path = file(folder);
    if !path.exists() {
        // SQLite would create the file with the permissions of the umask.
        let made = private().open(&path);
        made.map_err(|source| StoreError::Folder {
            path: folder.into(),
            source,
        })?;
    }
    let conn = connect(&path, OpenFlags::SQLITE_OPEN_CREATE)?;
    if is_empty(&conn).map_err(failed(&path))? {
        set_up(&conn, &path)?;
        create(&conn).map_err(failed(&path))?;
    } else {
        prepare(&conn, &path)?;
    }
    Ok(conn)
}

/// Opens an existing database.
pub(super) fn open_existing(folder: &Path) -> Result<Connection, StoreError> {
    let path = file(folder);
    if !path.is_file() {
        return Err(StoreError::Missing(folder.into()));
    }
    let conn = connect(&path, OpenFlags::empty())?;
    prepare(&conn, &path)?;
    Ok(conn)
}

/// Upgrades an existing database, and checks its format.
fn prepare(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    if (OLDEST..VERSION).contains(&version(conn).map_err(failed(path))?) {
        set_up(conn, path)?;
        upgrade(conn).map_err(failed(path))?;
    }
    check_version(conn, path)?;
    set_up(conn, path)
}

/// Runs the upgrades that the database lacks. Another process may have run them first.
fn upgrade(conn: &Connection) -> rusqlite::Result<()> {
    in_transaction(conn, |conn| {
        let done = usize::try_from(version(conn)? - OLDEST).unwrap_or(UPGRADES.len());
        let steps = UPGRADES.iter().skip(done);
        steps
            .clone()
            .try_for_each(|step| conn.execute_batch(step))?;
        match steps.len() {
            0 => Ok(()),
            _ => conn.pragma_update(None, "user_version", VERSION),
        }
    })
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Runs `work` in a transaction, which is rolled back if `work` fails.
pub(super) fn in_transaction<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let done = work(&tx)?;
    tx.commit()?;
    Ok(done)
}

/// Returns a number that changes when another connection has changed the database.
pub(super) fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

/// Returns a function that adds the file's path to an SQLite error.
pub(super) fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Sqlite {
        path: path.into(),
        source,
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(failed(path))?;
    conn.busy_timeout(BUSY).map_err(failed(path))?;
    Ok(conn)
}

fn set_up(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    match use_wal(conn).map_err(failed(path))? {
        true => Ok(()),
        false => Err(StoreError::NoWal(path.into())),
    }
}

/// Sets the journal mode to WAL. Returns whether the file system supports it.
fn use_wal(conn: &Connection) -> rusqlite::Result<bool> {
    conn.set_prepared_statement_cache_capacity(64);
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // With FULL, a commit returns once it is on disk. The writer runs the checkpoints, because an
    // automatic checkpoint would hide a failed sync.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    conn.query_row("PRAGMA journal_size_limit = 67108864", [], |_| Ok(()))?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(mode == "wal")
}

fn is_empty(conn: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)";
    conn.query_row(sql, [], |row| row.get(0))
}

pub(super) fn create(conn: &Connection) -> rusqlite::Result<()> {
    // `auto_vacuum` must be set before the first table is created; later it needs a rewrite of the
    // database.
    conn.execute_batch(&format!(
        "PRAGMA auto_vacuum = INCREMENTAL; BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT"
    ))
}

fn check_version(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    match version(conn).map_err(failed(path))? {
        VERSION => Ok(()),
        found if found > 0 => Err(StoreError::Format {
            path: path.into(),
            found,
            known: VERSION,
        }),
        _ => Err(StoreError::Foreign(path.into())),
    }
}
