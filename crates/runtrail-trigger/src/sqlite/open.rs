//! Opening a file: whose it is, which version, and how it is used.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::failed;
use super::{Durability, SqliteSettings};
use crate::error::{StoreError, StoreErrorKind};

/// Marks a file as a store: `RTtr`.
const APPLICATION_ID: i32 = 0x5254_7472;

/// What leads from each version to the next; version 0 is an empty file.
const MIGRATIONS: [&str; 1] = [include_str!("schema-1.sql")];

/// Whether a file has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// It may be made.
    OrNew,
    /// It has to be a store already.
    Only,
}

/// Opens a file for writing and brings it to this version.
pub(super) fn open(
    path: &Path,
    settings: &SqliteSettings,
    existing: Existing,
) -> Result<Connection, StoreError> {
    let doing = format!("open {}", path.display());
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if existing == Existing::OrNew {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let prepared = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(settings.busy_timeout)?;
        // In one snapshot: another that makes the store meanwhile is seen wholly or not at all.
        let snapshot = connection.unchecked_transaction()?;
        let found = Found::of(&snapshot)?;
        snapshot.finish()?;
        Ok((connection, found))
    });
    let (mut connection, found) = prepared.map_err(|error| failed(&doing, error))?;
    found.check(path, existing)?;
    let prepare = |connection: &mut Connection| {
        set_wal(connection, settings.busy_timeout)?;
        let synchronous = match settings.durability {
            Durability::Process => "NORMAL",
            Durability::Power => "FULL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // Negative numbers are KiB: 16 MiB keep the upper levels of every index at hand.
        connection.pragma_update(None, "cache_size", -16_384)?;
        // Pages that many writes touch go from the log to the file once rather than every time; the
        // log grows to 16 MiB by that.
        connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
        // A log that a large purge made long does not stay so.
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        connection.set_prepared_statement_cache_capacity(64);
        migrate(connection)
    };
    prepare(&mut connection).map_err(|error| failed(&doing, error))?;
    Ok(connection)
}

/// Opens a store once more, for reading.
pub(super) fn open_reader(
    path: &Path,
    settings: &SqliteSettings,
) -> Result<Connection, StoreError> {
    // A reader of a WAL file has to write to the index beside it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(settings.busy_timeout)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    open().map_err(|error| failed(&format!("open {}", path.display()), error))
}

/// What a file says of itself.
struct Found {
    application_id: i32,
    version: usize,
    tables: u64,
}

impl Found {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok(Self {
            application_id: number("PRAGMA application_id")? as i32,
            version: usize::try_from(number("PRAGMA user_version")?).unwrap_or(usize::MAX),
            tables: number("SELECT count(*) FROM sqlite_master")? as u64,
        })
    }

    fn check(&self, path: &Path, existing: Existing) -> Result<(), StoreError> {
        let is_new = self.application_id == 0 && self.tables == 0;
        let may_be_used = match existing {
            Existing::OrNew => is_new || self.application_id == APPLICATION_ID,
            Existing::Only => self.application_id == APPLICATION_ID,
        };
        let path = path.display();
        let refusal = if !may_be_used {
            format!("{path} is not a trigger store of Runtrail")
        } else if self.version > MIGRATIONS.len() {
            format!(
                "{path} is a trigger store of version {}; this program knows versions up to {}",
                self.version,
                MIGRATIONS.len()
            )
        } else {
            return Ok(());
        };
        Err(StoreError::new(StoreErrorKind::NotAStore, refusal))
    }
}

/// Brings a file to this version; of several processes at once, one does it and the others see it.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    if Found::of(connection)?.version == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = Found::of(&transaction)?.version;
    for migration in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    transaction.commit()
}

/// Sets WAL mode, which is lasting. SQLite does not wait for a lock here, so this does.
fn set_wal(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                thread::park_timeout(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}
