//! The store in an SQLite file.

mod counts;
mod error;
mod events;
mod filter;
mod links;
mod open;
mod pool;
mod purge;
mod runs;
mod timeline;
mod write;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::StoreError;
use crate::limits::RecordLimits;
use crate::query::{
    EventFilter, EventPage, EventQuery, Limit, LinkQuery, MarkerPage, MarkerQuery, TriggerRunPage,
    TriggerRunQuery,
};
use crate::record::{EventRecord, LinkRecord, Matches, Outcome, TriggerRunRecord};
use crate::retention::{Purged, Retention};
use crate::store::{Claim, CodeCount, Completion, Links, Stored, TriggerStore};

use error::failed;
use open::{Existing, open};
use pool::Readers;
use write::Writing;

/// How an [`SqliteStore`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteSettings {
    /// How large a record may be.
    pub records: RecordLimits,
    /// How long a call waits while others write, before it fails as
    /// [busy](crate::StoreErrorKind::Busy).
    pub busy_timeout: Duration,
    /// How many threads read at once; more of them wait.
    pub max_readers: usize,
    /// What a write survives once its call has returned.
    pub durability: Durability,
}

/// What a write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of the process, however it ends. When the machine loses power the last writes may be
    /// missing; the file is sound.
    #[default]
    Process,
    /// The loss of power too: every write waits for the disk.
    Power,
}

impl Default for SqliteSettings {
    /// Five seconds of patience, eight readers, writes that survive the process.
    fn default() -> Self {
        Self {
            records: RecordLimits::default(),
            busy_timeout: Duration::from_secs(5),
            max_readers: 8,
            durability: Durability::default(),
        }
    }
}

/// Keeps everything in one SQLite file, which any number of threads and processes may use at once.
///
/// The file is in WAL mode: readers and the writer do not wait for each other, and two files stand
/// beside it (`-wal`, `-shm`) while it is open. It has to be on a local disk. Looking through the
/// timeline reads neither payloads nor, for its total, the events themselves, however many there
/// are. Removed records leave room for new ones; the file does not become smaller.
#[derive(Debug)]
pub struct SqliteStore {
    settings: SqliteSettings,
    writer: Mutex<Connection>,
    readers: Readers,
}

impl SqliteStore {
    /// Opens a store, and makes one where there is no file yet.
    pub fn open(path: impl AsRef<Path>, settings: SqliteSettings) -> Result<Self, StoreError> {
        Self::with(path.as_ref(), settings, Existing::OrNew)
    }

    /// Opens a store that is there.
    pub fn open_existing(
        path: impl AsRef<Path>,
        settings: SqliteSettings,
    ) -> Result<Self, StoreError> {
        Self::with(path.as_ref(), settings, Existing::Only)
    }

    fn with(path: &Path, settings: SqliteSettings, existing: Existing) -> Result<Self, StoreError> {
        Ok(Self {
            settings,
            writer: Mutex::new(open(path, &settings, existing)?),
            readers: Readers::new(path, settings),
        })
    }

    /// Writes in one transaction; nothing of it is there where anything of it fails.
    fn write<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&mut Writing<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        // A panic in between rolled its transaction back.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = || {
            // To begin as a reader and to become a writer later would fail where another writes
            // meanwhile, and no patience helps against that.
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut writing = Writing::new(&transaction)?;
            let done = work(&mut writing)?;
            writing.finish()?;
            transaction.commit()?;
            Ok(done)
        };
        attempt().map_err(|error| failed(doing, error))
    }

    /// Reads from one snapshot.
    fn read<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.readers.with(|connection| {
            let attempt = || {
                let transaction = connection.transaction()?;
                let done = work(&transaction)?;
                transaction.commit()?;
                Ok(done)
            };
            attempt().map_err(|error| failed(doing, error))
        })
    }
}

impl TriggerStore for SqliteStore {
    fn record_events(&self, events: &[EventRecord]) -> Result<Vec<Stored>, StoreError> {
        let limits = &self.settings.records;
        events
            .iter()
            .try_for_each(|event| limits.check_event(event))?;
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.write("record events", |writing| writing.record(events))
    }

    fn update_matches(&self, event_id: &str, matches: &Matches) -> Result<bool, StoreError> {
        self.settings.records.check_matches(matches)?;
        self.write("update what an event matched", |writing| {
            writing.update_matches(event_id, matches)
        })
    }

    fn link_runs(&self, links: &[LinkRecord]) -> Result<u64, StoreError> {
        let limits = &self.settings.records;
        links.iter().try_for_each(|link| limits.check_link(link))?;
        self.write("link runs", |writing| {
            links
                .iter()
                .try_fold(0, |new, link| Ok(new + u64::from(writing.link(link)?)))
        })
    }

    fn get_events(&self, event_ids: &[&str]) -> Result<Vec<Option<EventRecord>>, StoreError> {
        self.read("read events", |reading| {
            let ids = event_ids.iter().enumerate();
            ids.map(|(index, id)| {
                if index < Limit::MAX.get() {
                    events::by_id(reading, id)
                } else {
                    Ok(None)
                }
            })
            .collect()
        })
    }

    fn codes(&self, after: Option<&str>, limit: Limit) -> Result<Vec<CodeCount>, StoreError> {
        self.read("list codes", |reading| events::codes(reading, after, limit))
    }

    fn count_events(&self, filter: &EventFilter) -> Result<u64, StoreError> {
        self.read("count events", |reading| events::count(reading, filter))
    }

    fn find_events(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        self.read("find events", |reading| events::find(reading, query))
    }

    fn find_markers(&self, query: &MarkerQuery) -> Result<MarkerPage, StoreError> {
        self.read("read the timeline", |reading| {
            timeline::find(reading, query)
        })
    }

    fn claim_run(&self, run: &TriggerRunRecord) -> Result<Claim, StoreError> {
        self.settings.records.check_run(run)?;
        self.write("claim a trigger run", |writing| writing.claim(run))
    }

    fn complete_run(
        &self,
        trigger_run_id: &str,
        outcome: &Outcome,
    ) -> Result<Completion, StoreError> {
        self.settings.records.check_outcome(outcome)?;
        self.write("complete a trigger run", |writing| {
            writing.complete(trigger_run_id, outcome)
        })
    }

    fn get_runs(
        &self,
        trigger_run_ids: &[&str],
    ) -> Result<Vec<Option<TriggerRunRecord>>, StoreError> {
        self.read("read trigger runs", |reading| {
            let ids = trigger_run_ids.iter().enumerate();
            ids.map(|(index, id)| {
                if index < Limit::MAX.get() {
                    runs::by_id(reading, id)
                } else {
                    Ok(None)
                }
            })
            .collect()
        })
    }

    fn find_runs(&self, query: &TriggerRunQuery) -> Result<TriggerRunPage, StoreError> {
        self.read("find trigger runs", |reading| runs::find(reading, query))
    }

    fn links(&self, query: &LinkQuery, limit: Limit) -> Result<Links, StoreError> {
        self.read("read links", |reading| links::find(reading, query, limit))
    }

    fn plan_purge(&self, retention: &Retention) -> Result<Purged, StoreError> {
        self.read("plan a purge", |reading| {
            let bounds = purge::Bounds::of(reading, retention)?;
            purge::plan(reading, &bounds)
        })
    }

    fn purge(&self, retention: &Retention) -> Result<Purged, StoreError> {
        purge::purge(self, retention)
    }
}
