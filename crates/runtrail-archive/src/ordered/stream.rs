//! Handing out runs while the archive is read.
//!
//! A survey says which unit is the last to mention a run, and when a run begins at the earliest. So
//! a run is complete when that unit has been read, and is handed out when every run that could
//! begin before it has been.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use foldhash::fast::RandomState;
use runtrail_core::event::TraceEvent;
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use super::runs::RunTable;
use super::unit::{Content, Hashes, ReadUnit};
use crate::archive::OnReject;
use crate::error::ArchiveError;
use crate::pool::InOrder;
use crate::read::{Progress, ReadReport, reject_of};
use crate::sort::compacted;

/// How many units stay in memory whole, at most: most runs are handed out before they would be
/// copied.
const RECENT_UNITS: usize = 8;
/// What a unit takes in memory, about: a chunk as text and as events.
const UNIT_BYTES: usize = 2 << 20;

type Units = InOrder<ReadUnit, std::io::Result<Content>>;

/// The events of a unit.
pub(super) struct UnitEvents {
    pub(super) events: Vec<TraceEvent>,
    /// Bytes of text that they keep alive, about.
    pub(super) bytes: usize,
    /// Of each event, where the units' reader has a hasher.
    hashes: Vec<Hashes>,
}

/// Reads units in order, and notes what they come to.
pub(super) struct UnitStream<'a> {
    units: Units,
    progress: Arc<Progress>,
    on_reject: OnReject<'a>,
    report: ReadReport,
}

impl<'a> UnitStream<'a> {
    pub(super) fn new(
        units: Units,
        progress: Arc<Progress>,
        on_reject: OnReject<'a>,
        report: ReadReport,
    ) -> Self {
        Self {
            units,
            progress,
            on_reject,
            report,
        }
    }

    /// Returns the next unit's events, and what is known of them.
    pub(super) fn next(&mut self) -> Result<Option<UnitEvents>, ArchiveError> {
        if self.progress.cancelled.load(Ordering::Relaxed) {
            return Err(ArchiveError::Interrupted);
        }
        let Some(content) = self.units.next()? else {
            return Ok(None);
        };
        let Ok(Content {
            events,
            bytes,
            hashes,
            source,
        }) = content
        else {
            return Err(ArchiveError::Changed);
        };
        let unit = UnitEvents {
            events,
            bytes,
            hashes,
        };
        let Some(source) = source else {
            return Ok(Some(unit));
        };
        if !source.whole {
            return Err(ArchiveError::Changed);
        }
        let (report, progress) = (&mut self.report, &self.progress);
        let (found, read) = (
            unit.events.len() as u64,
            source.lines.until - source.lines.from,
        );
        report.events += found;
        report.bytes_read += read;
        report.substitutions += source.substitutions;
        progress.events.fetch_add(found, Ordering::Relaxed);
        progress.bytes_read.fetch_add(read, Ordering::Relaxed);
        let ends = u64::from(source.chunk.last);
        progress.files_done.fetch_add(ends, Ordering::Relaxed);
        for bad in &source.bad {
            let reject = reject_of(&source.lines.file.name, &source.chunk, bad);
            *report.rejects.entry(reject.reason.code()).or_default() += 1;
            progress.rejects.fetch_add(1, Ordering::Relaxed);
            (self.on_reject)(&reject)?;
        }
        Ok(Some(unit))
    }

    pub(super) fn report(&self) -> &ReadReport {
        &self.report
    }

    pub(super) fn into_report(self) -> ReadReport {
        self.report
    }
}

/// A complete run that waits for its turn; the earliest is the greatest.
type Ready = Reverse<(Timestamp, Text, u32)>;

/// Hands out events run by run.
pub(crate) struct Stream<'a> {
    units: UnitStream<'a>,
    table: RunTable,
    /// The runs by the earliest time they may begin at; those before `turn` are done.
    by_start: Vec<u32>,
    turn: usize,
    /// For each unit how many runs, of those by their last unit, are complete after it.
    complete_after: VecDeque<u32>,
    by_last: Vec<u32>,
    completed: usize,
    complete: Vec<bool>,
    open: HashMap<u32, Open, RandomState>,
    ready: BinaryHeap<Ready>,
    /// The runs that the latest units hold events of.
    recent: VecDeque<Vec<u32>>,
    recent_units: usize,
    held: usize,
    limit: usize,
    ended: bool,
    /// Hashes of the ids of events that were read since they were last taken.
    ids: Vec<u128>,
}

impl<'a> Stream<'a> {
    /// Begins to hand out; `position` is where each unit of the table stands among the units.
    pub(super) fn new(
        units: UnitStream<'a>,
        table: RunTable,
        position: &[u32],
        limit: usize,
    ) -> Self {
        let by_last = table.by_last(position);
        let mut complete_after = VecDeque::with_capacity(position.len());
        let mut at = 0;
        for unit in 0..position.len() as u32 {
            while by_last
                .get(at)
                .is_some_and(|&run| position[table.last_unit(run) as usize] <= unit)
            {
                at += 1;
            }
            complete_after.push_back(at as u32);
        }
        Self {
            units,
            by_start: table.by_start(),
            turn: 0,
            complete_after,
            by_last,
            completed: 0,
            complete: vec![false; table.len()],
            open: HashMap::default(),
            ready: BinaryHeap::new(),
            recent: VecDeque::new(),
            recent_units: RECENT_UNITS.min(limit / (8 * UNIT_BYTES)),
            held: 0,
            limit,
            ended: false,
            table,
            ids: Vec::new(),
        }
    }

    pub(crate) fn report(&self) -> &ReadReport {
        self.units.report()
    }

    /// Returns the next run's events, in their order.
    pub(crate) fn next_run(&mut self) -> Result<Option<Vec<TraceEvent>>, ArchiveError> {
        loop {
            if let Some(run) = self.next_ready() {
                let open = self.open.remove(&run).unwrap_or_default();
                self.held -= open.bytes;
                return Ok(Some(open.events));
            }
            if self.ended {
                return Ok(None);
            }
            self.read_unit()?;
        }
    }

    /// Takes hashes of event ids: of all events that were read since the last call.
    pub(crate) fn take_ids(&mut self) -> impl Iterator<Item = u128> {
        self.ids.drain(..)
    }

    /// Takes the run whose turn it is, if it is complete.
    fn next_ready(&mut self) -> Option<u32> {
        let Reverse((start, _, run)) = self.ready.peek()?;
        if self.bound().is_some_and(|bound| bound <= *start) {
            return None;
        }
        let run = *run;
        self.ready.pop();
        Some(run)
    }

    fn read_unit(&mut self) -> Result<(), ArchiveError> {
        let Some(UnitEvents { events, hashes, .. }) = self.units.next()? else {
            self.ended = true;
            return if self.completed == self.by_last.len() && self.open.is_empty() {
                Ok(())
            } else {
                Err(ArchiveError::Changed)
            };
        };
        let mut touched = Vec::new();
        let mut last_hash = None;
        let mut open = &mut Vec::new();
        debug_assert_eq!(events.len(), hashes.len());
        self.ids.extend(hashes.iter().map(|hashes| hashes.event));
        for (mut event, Hashes { run: hash, .. }) in events.into_iter().zip(hashes) {
            if last_hash != Some(hash) {
                last_hash = Some(hash);
                let run = self.table.find(hash).ok_or(ArchiveError::Changed)?;
                if self.complete[run as usize] {
                    return Err(ArchiveError::Changed);
                }
                touched.push(run);
                let events = self.table.events(run);
                let open_run = self.open.entry(run);
                open = &mut open_run
                    .or_insert_with(|| Open::with_room_for(events))
                    .events;
            }
            // All that follows compares the ids of a run, and the same slice is known to be equal
            // without a look at it. Within a chunk that costs nothing.
            if let Some(last) = open.last()
                && last.request_id.shares_chunk(&event.request_id)
            {
                event.request_id.clone_from(&last.request_id);
            }
            open.push(event);
        }
        let until = self.complete_after.pop_front().unwrap_or_default() as usize;
        for at in self.completed..until {
            self.end_run(self.by_last[at])?;
        }
        self.completed = until;
        while self
            .by_start
            .get(self.turn)
            .is_some_and(|&run| self.complete[run as usize])
        {
            self.turn += 1;
        }
        self.recent.push_back(touched);
        if self.recent.len() > self.recent_units
            && let Some(touched) = self.recent.pop_front()
        {
            self.let_go_of_the_unit(touched);
        }
        if self.held > self.limit {
            return Err(ArchiveError::Changed);
        }
        Ok(())
    }

    /// Brings a run into order, once nothing more of it can follow.
    fn end_run(&mut self, run: u32) -> Result<(), ArchiveError> {
        self.complete[run as usize] = true;
        // A run of which the survey saw only what turned out to be no event has none.
        let Some(open) = self.open.get_mut(&run) else {
            return Ok(());
        };
        let events = &mut open.events;
        if !events.is_sorted_by(|one, next| compare(one, next).is_le()) {
            events.sort_unstable_by(compare);
        }
        if let Some(first) = events.first() {
            if first.timestamp < self.table.start(run) {
                return Err(ArchiveError::Changed);
            }
            let key = (first.timestamp, first.request_id.clone(), run);
            self.ready.push(Reverse(key));
        }
        Ok(())
    }

    /// Copies the events that still wait, so that they do not keep the text of a whole unit in memory.
    fn let_go_of_the_unit(&mut self, mut touched: Vec<u32>) {
        touched.sort_unstable();
        touched.dedup();
        let bound = self.bound();
        for run in touched {
            let complete = self.complete[run as usize];
            let Some(open) = self.open.get_mut(&run) else {
                continue;
            };
            let start = open.events.first().map(|event| event.timestamp);
            if complete && bound.is_none_or(|bound| start < Some(bound)) {
                continue;
            }
            // Ordering a complete run has mixed what was copied with what was not.
            let from = if complete { 0 } else { open.copied };
            if open.copied == open.events.len() {
                continue;
            }
            let copies = compacted(&open.events[from..]);
            open.events.truncate(from);
            open.events.extend(copies);
            open.copied = open.events.len();
            let bytes = open.events[from..].iter().map(bytes_of).sum::<usize>();
            self.held -= if complete { open.bytes } else { 0 };
            open.bytes = if complete { bytes } else { open.bytes + bytes };
            self.held += bytes;
        }
    }

    /// Returns the earliest time at which a run may begin that is not complete.
    fn bound(&self) -> Option<Timestamp> {
        let run = self.by_start.get(self.turn)?;
        Some(self.table.start(*run))
    }
}

/// The events of a run that were read.
#[derive(Default)]
struct Open {
    events: Vec<TraceEvent>,
    /// How many of them have text of their own.
    copied: usize,
    /// What those take in memory, about.
    bytes: usize,
}

impl Open {
    fn with_room_for(events: usize) -> Self {
        Self {
            events: Vec::with_capacity(events),
            ..Self::default()
        }
    }
}

fn bytes_of(event: &TraceEvent) -> usize {
    event.text_bytes() + size_of::<TraceEvent>()
}

/// Orders events of one run; nearly always the time decides.
fn compare(one: &TraceEvent, other: &TraceEvent) -> std::cmp::Ordering {
    one.timestamp
        .cmp(&other.timestamp)
        .then_with(|| one.seq.cmp(&other.seq))
        .then_with(|| one.cmp(other))
}
