//! Bringing any amount of events into order in bounded memory.
//!
//! Events are collected up to a memory limit, sorted, and written to a temporary file; the files
//! are merged when everything is read. What comes out is the whole archive in one total order, run
//! by run, so that the fold and the exporters see each run once and in one piece, however the
//! archive mixed them.

mod dedup;
mod frame;
mod ids;
mod merge;
mod spill;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use dedup::Dedup;
use ids::DistinctIds;
use merge::{Cursor, MemoryCursor, Merge};
use runtrail_core::event::{EventKind, TraceEvent};
use runtrail_core::export::{Batch, RunEnd};
use runtrail_core::time::Timestamp;
use spill::{SpillFile, SpillWriter};

use crate::error::ArchiveError;
use crate::options::SortOptions;
use crate::ordered::{RunStarts, Stream};
use crate::read::ReadReport;

pub(crate) use frame::{FrameBuilder, compacted, frame_at};

/// Events in a batch, at most.
const BATCH_EVENTS: usize = 1024;
/// Bytes of text in a batch, about.
const BATCH_BYTES: usize = 1 << 20;
/// A run of so many events is a batch of its own, since to copy them beside others costs more than
/// a batch does.
const RUN_AS_BATCH: usize = 64;
/// What a cursor over a temporary file holds: a frame as bytes and as events.
const CURSOR_BYTES: usize = 1 << 20;
/// Temporary files that are open at once, at most: systems allow a process as few as 256.
const MAX_SPILLS: usize = 96;

/// Collects events to sort.
pub struct Sorter {
    options: SortOptions,
    order: RunOrder,
    collected: Vec<Vec<TraceEvent>>,
    held: usize,
    spills: Vec<SpillFile>,
    /// Writes what was collected before, while more is collected.
    spilling: Option<JoinHandle<io::Result<SpillFile>>>,
}

impl Sorter {
    /// Makes a sorter that orders runs by their ids.
    pub fn new(options: SortOptions) -> Self {
        Self::by(RunOrder::ById, options)
    }

    pub(crate) fn by(order: RunOrder, options: SortOptions) -> Self {
        Self {
            options,
            order,
            collected: Vec::new(),
            held: 0,
            spills: Vec::new(),
            spilling: None,
        }
    }

    /// Takes events that together keep about `bytes` of text alive.
    pub fn push(&mut self, events: Vec<TraceEvent>, bytes: usize) -> Result<(), ArchiveError> {
        // An index entry of 24 bytes is added to each event when they are sorted.
        self.held += bytes + events.capacity() * (size_of::<TraceEvent>() + 24);
        self.collected.push(events);
        // What is being written is still in memory, so on two threads each side has half.
        let limit = if self.options.threads > 1 {
            self.options.memory / 2
        } else {
            self.options.memory
        };
        if self.held >= limit {
            self.spill()
        } else {
            Ok(())
        }
    }

    /// Ends collecting and begins to hand out.
    pub fn finish(mut self) -> Result<Sorted<'static>, ArchiveError> {
        if self.held > self.options.keep_memory {
            self.spill()?;
        }
        self.wait_for_spill()?;
        let collected = std::mem::take(&mut self.collected);
        let merge = merge_all(&mut self.spills, collected, &self.order, &self.options)
            .map_err(|e| self.options.temp_error(e))?;
        Ok(Sorted::new(Feed::Merge(merge), self.options))
    }

    fn spill(&mut self) -> Result<(), ArchiveError> {
        self.wait_for_spill()?;
        let collected = std::mem::take(&mut self.collected);
        self.held = 0;
        let (dir, order) = (self.options.temp_dir.clone(), self.order.clone());
        let write = move || {
            let mut writer = SpillWriter::create(dir.as_deref())?;
            MemoryCursor::sort(collected, &order)
                .iter()
                .try_for_each(|event| writer.push(event))?;
            writer.finish()
        };
        if self.options.threads > 1 {
            self.spilling = Some(std::thread::spawn(write));
            return Ok(());
        }
        self.add_spill(write())
    }

    fn wait_for_spill(&mut self) -> Result<(), ArchiveError> {
        let Some(spilling) = self.spilling.take() else {
            return Ok(());
        };
        let spill = spilling
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("a sorting thread panicked")));
        self.add_spill(spill)
    }

    fn add_spill(&mut self, spill: io::Result<SpillFile>) -> Result<(), ArchiveError> {
        self.spills
            .push(spill.map_err(|e| self.options.temp_error(e))?);
        if self.spills.len() < MAX_SPILLS {
            return Ok(());
        }
        merge_oldest(&mut self.spills, &self.order, &self.options)
            .map_err(|e| self.options.temp_error(e))
    }
}

/// Merges temporary files until few enough are left to be merged on the way out.
fn merge_all(
    spills: &mut Vec<SpillFile>,
    collected: Vec<Vec<TraceEvent>>,
    order: &RunOrder,
    options: &SortOptions,
) -> io::Result<Merge> {
    while spills.len() > options.fan_in() {
        merge_oldest(spills, order, options)?;
    }
    let mut cursors = spills
        .drain(..)
        .map(|spill| spill.read().map(Cursor::Spill))
        .collect::<io::Result<Vec<_>>>()?;
    if !collected.is_empty() {
        cursors.push(Cursor::Memory(MemoryCursor::sort(collected, order)));
    }
    Ok(Merge::new(cursors, order.clone()))
}

/// Merges the temporary files that have waited longest into one.
fn merge_oldest(
    spills: &mut Vec<SpillFile>,
    order: &RunOrder,
    options: &SortOptions,
) -> io::Result<()> {
    let cursors = spills
        .drain(..options.fan_in().min(spills.len()))
        .map(|spill| spill.read().map(Cursor::Spill))
        .collect::<io::Result<_>>()?;
    let mut merge = Merge::new(cursors, order.clone());
    let mut writer = SpillWriter::create(options.temp_dir.as_deref())?;
    while let Some(event) = merge.next_event()? {
        writer.push(&event)?;
    }
    spills.push(writer.finish()?);
    Ok(())
}

impl SortOptions {
    /// How many temporary files are merged at once.
    fn fan_in(&self) -> usize {
        (self.merge_memory / CURSOR_BYTES).max(4)
    }

    pub(crate) fn temp_error(&self, source: io::Error) -> ArchiveError {
        let dir = self.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
        ArchiveError::Temp { dir, source }
    }
}

/// What sorting found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SortCounts {
    /// Events handed out.
    pub events: u64,
    /// Exact repeats that were left out.
    pub duplicates: u64,
    /// Events handed out whose id was used before with different content; known when the last
    /// batch has been handed out.
    pub conflicts: u64,
    /// Events handed out of kinds that this version does not know.
    pub unknown_kinds: u64,
    /// Runs.
    pub runs: u64,
}

/// What decides which run comes first.
#[derive(Debug, Clone)]
pub(crate) enum RunOrder {
    ById,
    ByStart(Arc<RunStarts>),
}

impl RunOrder {
    /// Returns what comes before the run's id in the order.
    fn start_of(&self, request_id: &str) -> Option<Start> {
        match self {
            Self::ById => None,
            Self::ByStart(starts) => Some(starts.of(request_id).map_or(Start::Unknown, Start::At)),
        }
    }
}

/// When a run starts; one that is not known comes after the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Start {
    At(Timestamp),
    Unknown,
}

enum Feed<'a> {
    Merge(Merge),
    Stream(Box<Stream<'a>>),
}

/// Hands out events in order: run by run, each run's events in their order, repeats left out.
///
/// Runs come by when they started and then by id; what a [`Sorter`] collected, and an archive of
/// more than a million runs, by id.
pub struct Sorted<'a> {
    feed: Feed<'a>,
    report: ReadReport,
    options: SortOptions,
    dedup: Dedup,
    ids: DistinctIds,
    ahead: Option<TraceEvent>,
    /// What is left of the run that is handed out from a stream.
    run: std::vec::IntoIter<TraceEvent>,
    counts: SortCounts,
    repeats: bool,
}

impl<'a> Sorted<'a> {
    fn new(feed: Feed<'a>, options: SortOptions) -> Self {
        // Where nothing is merged, ids may take half of what merging would.
        let id_memory = match feed {
            Feed::Merge(_) => 0,
            Feed::Stream(_) => options.merge_memory / 2,
        };
        Self {
            feed,
            report: ReadReport::default(),
            dedup: Dedup::default(),
            ids: DistinctIds::new(id_memory, options.temp_dir.clone()),
            options,
            ahead: None,
            run: Vec::new().into_iter(),
            counts: SortCounts::default(),
            repeats: false,
        }
    }

    /// Hands out exact repeats too, and counts neither them nor conflicts.
    pub fn with_repeats(self) -> Self {
        Self {
            repeats: true,
            ..self
        }
    }

    pub(crate) fn streamed(stream: Stream<'a>, options: SortOptions) -> Self {
        Self::new(Feed::Stream(Box::new(stream)), options)
    }

    pub(crate) fn with_report(self, report: ReadReport) -> Self {
        Self { report, ..self }
    }

    /// Returns what reading came to; complete when the last batch has been handed out. Of a
    /// [`Sorter`] it is empty.
    pub fn report(&self) -> &ReadReport {
        match &self.feed {
            Feed::Merge(_) => &self.report,
            Feed::Stream(stream) => stream.report(),
        }
    }

    /// Whether the archive is read while its events are handed out.
    pub fn reads_on(&self) -> bool {
        matches!(self.feed, Feed::Stream(_))
    }

    /// Returns the next events, and which runs end with them; `None` when there are no more.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, ArchiveError> {
        let mut batch = BatchBuilder::default();
        match self.feed {
            Feed::Merge(_) => self.fill_from_merge(&mut batch)?,
            Feed::Stream(_) => self.fill_from_stream(&mut batch)?,
        }
        self.counts.runs += batch.ended.len() as u64;
        if batch.events.is_empty() && self.repeats {
            return Ok(None);
        }
        if batch.events.is_empty() {
            let ids = self.ids.count();
            let ids = ids.map_err(|error| self.options.temp_error(error))?;
            self.counts.conflicts = self.counts.events - ids;
            return Ok(None);
        }
        Ok(Some(Batch::new(batch.events, batch.ended)))
    }

    fn fill_from_merge(&mut self, batch: &mut BatchBuilder) -> Result<(), ArchiveError> {
        let mut current = match self.ahead.take() {
            Some(event) => Some(event),
            None => self.next_distinct(None)?,
        };
        while let Some(event) = current {
            let next = self.next_distinct(Some(&event))?;
            let same_run = |next: &TraceEvent| next.request_id == event.request_id;
            let ends = !next.as_ref().is_some_and(same_run);
            batch.push(event);
            if ends {
                batch.end_run();
            }
            if batch.is_full() {
                self.ahead = next;
                break;
            }
            current = next;
        }
        Ok(())
    }

    fn fill_from_stream(&mut self, batch: &mut BatchBuilder) -> Result<(), ArchiveError> {
        while !batch.is_full() {
            if !self.run.as_slice().is_empty() {
                batch.take(&mut self.run);
                if self.run.as_slice().is_empty() {
                    batch.end_run();
                }
                continue;
            }
            let Feed::Stream(stream) = &mut self.feed else {
                return Ok(());
            };
            let run = stream.next_run()?;
            let counts = !self.repeats;
            let mut ids = stream.take_ids().filter(|_| counts);
            let counted = ids.try_for_each(|id| self.ids.push_hash(id));
            drop(ids);
            counted.map_err(|error| self.options.temp_error(error))?;
            let Some(run) = run else {
                return Ok(());
            };
            let read = run.len() as u64;
            let run = if self.repeats {
                run
            } else {
                dedup::without_repeats(run)
            };
            self.counts.duplicates += read - run.len() as u64;
            for event in &run {
                self.count(event);
            }
            self.run = run.into_iter();
        }
        Ok(())
    }

    fn count(&mut self, event: &TraceEvent) {
        self.counts.events += 1;
        self.counts.unknown_kinds += u64::from(matches!(event.kind, EventKind::Unknown(_)));
    }

    /// Returns what has been found so far.
    pub fn counts(&self) -> SortCounts {
        self.counts
    }

    /// Returns the next event of the merge that does not repeat the one before it, `last`.
    fn next_distinct(
        &mut self,
        last: Option<&TraceEvent>,
    ) -> Result<Option<TraceEvent>, ArchiveError> {
        let Feed::Merge(merge) = &mut self.feed else {
            return Ok(None);
        };
        loop {
            let next = merge.next_event();
            let Some(event) = next.map_err(|error| self.options.temp_error(error))? else {
                return Ok(None);
            };
            if self.repeats {
                self.count(&event);
                return Ok(Some(event));
            }
            if last.is_none_or(|last| !self.dedup.is_repeat(last, &event)) {
                self.count(&event);
                let counted = self.ids.push(&event.event_id);
                counted.map_err(|error| self.options.temp_error(error))?;
                return Ok(Some(event));
            }
            self.counts.duplicates += 1;
        }
    }
}

/// Collects a batch.
#[derive(Default)]
struct BatchBuilder {
    events: Vec<TraceEvent>,
    ended: Vec<RunEnd>,
    bytes: usize,
    /// Whether a run's own list holds the events, which has no room for others.
    is_run: bool,
}

impl BatchBuilder {
    fn is_full(&self) -> bool {
        self.is_run || self.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES
    }

    fn push(&mut self, event: TraceEvent) {
        self.bytes += event.payload.text().size() + size_of::<TraceEvent>();
        self.events.push(event);
    }

    /// Takes events of a run until the batch is full.
    fn take(&mut self, run: &mut std::vec::IntoIter<TraceEvent>) {
        let room = BATCH_EVENTS - self.events.len();
        let mut count = 0;
        for event in run.as_slice().iter().take(room) {
            if self.bytes >= BATCH_BYTES {
                break;
            }
            self.bytes += event.payload.text().size() + size_of::<TraceEvent>();
            count += 1;
        }
        if self.events.is_empty() {
            if count == run.len() && count >= RUN_AS_BATCH {
                self.events = std::mem::take(run).collect();
                self.is_run = true;
                return;
            }
            // Runs follow until the batch is full; grown step by step, it would be copied each time.
            self.events.reserve_exact(BATCH_EVENTS);
        }
        self.events.extend(run.by_ref().take(count));
    }

    fn end_run(&mut self) {
        if let Some(last) = self.events.last() {
            self.ended.push(RunEnd {
                request_id: last.request_id.clone(),
                after: self.events.len(),
            });
        }
    }
}

/// Opens a temporary file without a name, which vanishes with the process.
pub(crate) fn temp_file(dir: Option<&std::path::Path>) -> io::Result<std::fs::File> {
    match dir {
        Some(dir) => tempfile::tempfile_in(dir),
        None => tempfile::tempfile(),
    }
}
