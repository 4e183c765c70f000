//! Reading a lake back: its events, exactly as they were exported.

mod check;
mod columns;
mod events;
mod guarded;
mod listing;
mod others;
mod part;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runtrail_core::event::TraceEvent;
use runtrail_core::text::Text;

pub use check::PartCheck;
pub use columns::EventRow;
pub use events::BadRow;
pub use guarded::is_decoding;
pub use listing::{Held, ListedPart, Listing, LogRecord};
pub(crate) use others::TablePart;
pub use part::EventPart;

use crate::carried::{self, CarriedRun};
use crate::error::LakeReadError;
use crate::settings::Table;
use crate::work::{STAGING, announced};
use events::Gatherer;

/// Reads a lake in a folder on local disk.
///
/// A file belongs to the lake if a record of the log lists it; where the log holds no record, as in a
/// lake that lost it, every file in a table's folder does. Nothing is ever written.
///
/// ```no_run
/// use runtrail_parquet::{LakeReader, RunFilter};
///
/// let Some(lake) = LakeReader::open("lake".as_ref())? else { return Ok(()) };
/// let read = lake.read_events(RunFilter::Only("req_7f3a9c"), &mut |events, _bytes| {
///     events.iter().for_each(|event| println!("{}", event.payload.text()));
///     Ok::<(), std::convert::Infallible>(())
/// });
/// # let _ = read;
/// # Ok::<(), runtrail_parquet::LakeReadError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LakeReader {
    root: PathBuf,
    listing: Arc<Listing>,
}

/// Which runs are read.
pub enum RunFilter<'f> {
    /// All.
    Every,
    /// The one with this id.
    Only(&'f str),
    /// Those of which this says so; it is asked once for each stretch of rows.
    Matching(&'f mut dyn FnMut(&str) -> bool),
}

/// What reading events came to.
#[derive(Debug, Default)]
pub struct EventsRead {
    /// Events handed out.
    pub events: u64,
    /// Row groups whose content was read; the others could hold nothing that was wanted.
    pub row_groups_read: u64,
    /// Row groups that there are in the parts that could be opened.
    pub row_groups: u64,
    /// Rows that hold no event.
    pub bad_rows: Vec<BadRow>,
    /// Those that there are beyond the ones listed.
    pub more_bad_rows: u64,
    /// Parts that could not be read to their end.
    pub failed: Vec<LakeReadError>,
}

/// Rows without an event that are listed one by one.
const MAX_BAD_ROWS: usize = 10_000;

/// Why reading ended early.
#[derive(Debug)]
pub enum Stopped<E> {
    /// Whoever takes the events failed.
    Taker(E),
    /// Reading was called off.
    Cancelled,
}

impl LakeReader {
    /// Opens the lake in a folder; `None` where the folder is no lake.
    pub fn open(root: &Path) -> Result<Option<Self>, LakeReadError> {
        let inner = root.join("_runtrail");
        if !inner.is_dir() || !(root.join("events").is_dir() || inner.join("log").is_dir()) {
            return Ok(None);
        }
        Ok(Some(Self {
            root: root.to_owned(),
            listing: Arc::new(Listing::read(root)?),
        }))
    }

    /// Returns the lake's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the files that the lake is made of.
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// Returns the lake as it is without some parts, by their paths.
    #[must_use]
    pub fn without(&self, parts: &BTreeSet<String>) -> Self {
        let mut listing = Listing::clone(&self.listing);
        listing.parts.retain(|part| !parts.contains(&part.path));
        listing.missing.retain(|part| !parts.contains(&part.path));
        Self {
            root: self.root.clone(),
            listing: Arc::new(listing),
        }
    }

    /// Returns the files that exports which have not ended make visible, by path: no record of the log may list
    /// them yet. They are looked up now, and not when the lake was opened.
    pub fn announced(&self) -> Result<BTreeSet<String>, LakeReadError> {
        let staging = self.root.join(STAGING);
        announced(&staging).map_err(|error| LakeReadError::io(&staging, error))
    }

    /// Returns the runs that earlier exports carry, to be continued; see
    /// [`OpenRuns::Carry`](crate::OpenRuns::Carry).
    pub fn carried(&self) -> Result<Vec<CarriedRun>, LakeReadError> {
        let mut runs = Vec::new();
        for path in self.listing.carried().1 {
            runs.extend(carried::read(&self.root.join(path), path)?);
        }
        Ok(runs)
    }

    /// Returns the runs that the lake holds rows of and that are wanted, by their ids: as `runs` has them, or
    /// in a lake without this table `events`, or in one without either all others.
    pub fn runs(
        &self,
        wants: &mut dyn FnMut(&str) -> bool,
    ) -> Result<BTreeSet<Text>, LakeReadError> {
        let is_there = |table: &Table| self.listing.parts_of(*table).next().is_some();
        let whole = [Table::Runs, Table::Events].into_iter().find(is_there);
        let is_asked = |part: &&ListedPart| whole.is_none_or(|table| part.table == table);
        let mut runs = BTreeSet::new();
        for part in self.listing.parts.iter().filter(is_asked) {
            TablePart::open(&self.root, part.table, &part.path)?.each_run(&mut |run| {
                if wants(run) {
                    runs.insert(run.into());
                }
            })?;
        }
        Ok(runs)
    }

    /// Returns the parts of any table that hold rows of wanted runs, by their paths.
    pub fn parts_with(
        &self,
        wants: &mut dyn FnMut(&str) -> bool,
    ) -> Result<BTreeSet<String>, LakeReadError> {
        let mut parts = BTreeSet::new();
        for part in &self.listing.parts {
            let mut is_wanted = false;
            TablePart::open(&self.root, part.table, &part.path)?
                .each_run(&mut |run| is_wanted = is_wanted || wants(run))?;
            if is_wanted {
                parts.insert(part.path.clone());
            }
        }
        Ok(parts)
    }

    /// Opens a part of the events table.
    pub fn open_part(&self, part: &ListedPart) -> Result<EventPart, LakeReadError> {
        EventPart::open(&self.root, &part.path)
    }

    /// Reads the wanted events and hands them over in portions with the bytes of text that each keeps
    /// alive: row group after row group, within each in the order of runs and of time.
    ///
    /// Of a row group that cannot hold the one run that is wanted nothing but statistics and a bloom
    /// filter is read, and of one that holds no wanted run nothing but the column of runs. What cannot
    /// be read is noted and the rest is read.
    pub fn read_events<E>(
        &self,
        filter: RunFilter<'_>,
        take: &mut dyn FnMut(Vec<TraceEvent>, usize) -> Result<(), E>,
    ) -> Result<EventsRead, E> {
        match self.read_events_until(filter, &AtomicBool::new(false), take) {
            Ok(read) => Ok(read),
            Err(Stopped::Taker(error)) => Err(error),
            Err(Stopped::Cancelled) => Ok(EventsRead::default()),
        }
    }

    /// As [`LakeReader::read_events`], until it is called off.
    pub fn read_events_until<E>(
        &self,
        mut filter: RunFilter<'_>,
        cancelled: &AtomicBool,
        take: &mut dyn FnMut(Vec<TraceEvent>, usize) -> Result<(), E>,
    ) -> Result<EventsRead, Stopped<E>> {
        let mut read = EventsRead::default();
        for listed in self.listing.parts_of(Table::Events) {
            self.read_part(listed, &mut filter, cancelled, &mut read, take)?;
        }
        Ok(read)
    }

    /// Reads the wanted events of one part, as [`LakeReader::read_events_until`] reads those of all, and
    /// adds what that came to.
    pub fn read_part<E>(
        &self,
        listed: &ListedPart,
        filter: &mut RunFilter<'_>,
        cancelled: &AtomicBool,
        read: &mut EventsRead,
        take: &mut dyn FnMut(Vec<TraceEvent>, usize) -> Result<(), E>,
    ) -> Result<(), Stopped<E>> {
        let part = match self.open_part(listed) {
            Ok(part) => part,
            Err(error) => {
                read.failed.push(error);
                return Ok(());
            }
        };
        read.row_groups += part.row_groups() as u64;
        for row_group in 0..part.row_groups() {
            if cancelled.load(Ordering::Relaxed) {
                return Err(Stopped::Cancelled);
            }
            let done = match part.wanted_rows(row_group, filter) {
                Ok(None) => continue,
                Ok(Some(wanted)) => {
                    read.row_groups_read += 1;
                    read_group(&part, row_group, wanted, read, take)
                }
                Err(error) => Err(Failed::Part(error)),
            };
            match done {
                Ok(()) => {}
                Err(Failed::Taker(error)) => return Err(Stopped::Taker(error)),
                Err(Failed::Part(error)) => {
                    read.failed.push(error);
                    break;
                }
            }
        }
        Ok(())
    }
}

impl EventPart {
    /// Reads the events of a row group and hands them over in portions, in the order of its rows, with the
    /// bytes of text that each keeps alive. Rows that hold no event are noted. Where the row group is damaged,
    /// what comes before the damage has been handed over.
    pub fn read_events(
        &self,
        row_group: usize,
        read: &mut EventsRead,
        take: &mut dyn FnMut(Vec<TraceEvent>, usize),
    ) -> Result<(), LakeReadError> {
        let mut take = |events, bytes| {
            take(events, bytes);
            Ok::<(), Infallible>(())
        };
        read_group(self, row_group, part::Wanted::All, read, &mut take).map_err(|failed| {
            match failed {
                Failed::Part(error) => error,
                Failed::Taker(never) => match never {},
            }
        })
    }
}

fn read_group<E>(
    part: &EventPart,
    row_group: usize,
    wanted: part::Wanted,
    read: &mut EventsRead,
    take: &mut dyn FnMut(Vec<TraceEvent>, usize) -> Result<(), E>,
) -> Result<(), Failed<E>> {
    let mut gatherer = Gatherer::default();
    let mut failure = None;
    let result = part.read_wanted(row_group, wanted, &mut |row| {
        gatherer.push(row);
        if gatherer.is_full() {
            let (events, bytes) = gatherer.take(part.path(), read);
            if let Err(error) = take(events, bytes) {
                failure = Some(error);
                return false;
            }
        }
        true
    });
    if let Some(error) = failure {
        return Err(Failed::Taker(error));
    }
    // What came before the damage is good.
    let (events, bytes) = gatherer.take(part.path(), read);
    if !events.is_empty() {
        take(events, bytes).map_err(Failed::Taker)?;
    }
    result.map_err(Failed::Part)
}

enum Failed<E> {
    Taker(E),
    Part(LakeReadError),
}

impl EventsRead {
    fn note_bad_row(&mut self, row: BadRow) {
        if self.bad_rows.len() < MAX_BAD_ROWS {
            self.bad_rows.push(row);
        } else {
            self.more_bad_rows += 1;
        }
    }
}
