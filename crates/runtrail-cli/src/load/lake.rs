//! Lakes as sources, beside archives.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use runtrail_archive::{ArchiveError, EventStore, Progress, Reject, RejectReason, Sink, StoreRead};
use runtrail_core::event::TraceEvent;
use runtrail_parquet::{
    BadRow, EventsRead, LakeReadError, LakeReader, ListedPart, RunFilter, Stopped, Table, Tables,
};

/// Opens a folder that is a lake.
pub(crate) fn open(path: &Path) -> Result<Option<Arc<dyn EventStore>>, ArchiveError> {
    let lake = LakeReader::open(path).map_err(|error| ArchiveError::Store {
        name: path.display().to_string(),
        source: Box::new(error),
    })?;
    Ok(lake.map(|lake| Arc::new(LakeSource(lake)) as Arc<dyn EventStore>))
}

/// Whether a lake was exported without its events: the log says so, or says that there were some and lists no
/// part of them.
pub(crate) fn is_without_events(lake: &LakeReader) -> bool {
    let listing = lake.listing();
    let mut records = listing.records.iter().rev();
    let layout = records.find_map(|record| record.layout.as_ref());
    if let Some(tables) = layout.and_then(|layout| layout.tables.parse::<Tables>().ok()) {
        return !tables.contains(Table::Events);
    }
    let mut missing = listing.missing.iter();
    let has_parts = listing.parts_of(Table::Events).next().is_some()
        || missing.any(|part| part.table == Table::Events);
    !has_parts && listing.records.iter().any(|record| record.events > 0)
}

/// A lake that events are read from.
#[derive(Debug)]
struct LakeSource(LakeReader);

impl LakeSource {
    fn named(&self, path: &str) -> String {
        self.0.root().join(path).display().to_string()
    }

    fn read_filtered(
        &self,
        filter: RunFilter<'_>,
        progress: &Progress,
        take: &mut dyn FnMut(Vec<TraceEvent>, usize) -> Result<(), ArchiveError>,
    ) -> Result<EventsRead, ArchiveError> {
        self.0
            .read_events_until(filter, &progress.cancelled, take)
            .map_err(|stopped| match stopped {
                Stopped::Taker(error) => error,
                Stopped::Cancelled => ArchiveError::Interrupted,
            })
    }

    fn reject_of(&self, row: &BadRow) -> Reject {
        Reject {
            file: self.named(&row.path),
            line: row.row + 1,
            byte: 0,
            length: 0,
            reason: RejectReason::Row(row.what),
            marked: (0, 0),
            text: Vec::new(),
        }
    }

    fn problems(&self, read: &EventsRead) -> StoreRead {
        let listing = self.0.listing();
        let failed = |error: &LakeReadError| (self.named(&error.place()), error.reason());
        let gone = |part: &ListedPart| {
            let why = "the lake's log lists it, and it is not there".to_owned();
            (part.table == Table::Events).then(|| (self.named(&part.path), why))
        };
        let unread = |(path, why): &(String, String)| (self.named(path), why.clone());
        let stray = listing
            .stray
            .iter()
            .filter(|path| path.starts_with("events/"));
        let many = (read.more_bad_rows > 0).then(|| {
            let why = format!("{} more rows hold no event", read.more_bad_rows);
            (self.0.root().display().to_string(), why)
        });
        let without = is_without_events(&self.0).then(|| {
            let why = "it was exported without its events table, and runs are read from that";
            (self.0.root().display().to_string(), why.to_owned())
        });
        StoreRead {
            failed: read
                .failed
                .iter()
                .map(failed)
                .chain(listing.missing.iter().filter_map(gone))
                .chain(listing.bad_records.iter().map(unread))
                .chain(many)
                .chain(without)
                .collect(),
            stray: stray.map(|path| self.named(path)).collect(),
        }
    }
}

impl EventStore for LakeSource {
    fn name(&self) -> String {
        self.0.root().display().to_string()
    }

    fn size(&self) -> u64 {
        let parts = self.0.listing().parts_of(Table::Events);
        parts.filter_map(|part| part.bytes).sum()
    }

    fn content(&self) -> Option<String> {
        self.0.listing().events_hash()
    }

    fn read(&self, progress: &Progress, sink: &mut dyn Sink) -> Result<StoreRead, ArchiveError> {
        let only = sink.only().map(str::to_owned);
        let mut read = EventsRead::default();
        if let Some(only) = &only {
            read = self.read_filtered(RunFilter::Only(only), progress, &mut |events, bytes| {
                sink.events(events, bytes)
            })?;
        }
        if read.events == 0 {
            // What is wanted is asked before events are handed over, of the same sink.
            let shared = RefCell::new(&mut *sink);
            let filter = RunFilter::Matching(&mut |run| shared.borrow_mut().wants(run));
            read = self.read_filtered(filter, progress, &mut |events, bytes| {
                shared.borrow_mut().events(events, bytes)
            })?;
        }
        progress
            .bytes_read
            .fetch_add(self.size(), Ordering::Relaxed);
        for row in &read.bad_rows {
            sink.reject(self.reject_of(row))?;
        }
        Ok(self.problems(&read))
    }
}
