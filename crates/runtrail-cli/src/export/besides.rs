//! What a lake holds already of the runs that an export mentions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runtrail_archive::{
    ArchiveError, EventStore, Input, Progress, SeenRuns, Sink, SortOptions, StoreRead,
};
use runtrail_core::text::Text;
use runtrail_parquet::{
    CarriedRun, Changes, LakeReadError, LakeReader, OpenRuns, RunFilter, Stopped, Table, Whole,
};

use super::earlier::{self, Earlier, Given};
use super::plan::Plan;
use crate::code::Code;
use crate::failure::Failure;

/// What an export has to know of the lake that it adds to.
#[derive(Debug)]
pub(crate) struct Besides {
    lake: Option<LakeReader>,
    /// Runs that earlier exports carried.
    carried: Vec<CarriedRun>,
    /// Whether what is open is to be closed, and not only by default.
    close_all: bool,
    /// Where the beginning of runs is read from if the lake has no events.
    given: Given,
    /// Events that were read from the lake, or from the sources in its place.
    events: Arc<AtomicU64>,
    from_sources: bool,
    /// Why the export cannot be.
    refusal: Option<Failure>,
    /// Runs that come whole; `None` where all do.
    runs: Option<u64>,
    changes: Changes,
}

impl Default for Besides {
    /// Nothing is there.
    fn default() -> Self {
        Self {
            lake: None,
            carried: Vec::new(),
            close_all: false,
            given: Given::default(),
            events: Arc::default(),
            from_sources: false,
            refusal: None,
            runs: Some(0),
            changes: Changes::default(),
        }
    }
}

impl Besides {
    /// Looks at the runs that the lake carries.
    pub(super) fn new(
        lake: Option<&LakeReader>,
        plan: &Plan,
        given: Given,
        open_runs: Option<OpenRuns>,
    ) -> Result<Self, Failure> {
        let carried = match lake {
            Some(lake) if !plan.held.carried => lake.carried(),
            _ => Ok(Vec::new()),
        };
        let usual = if plan.has_grown() {
            OpenRuns::Carry
        } else {
            OpenRuns::Truncate
        };
        Ok(Self {
            lake: lake.map(|lake| lake.without(&plan.held.parts)),
            carried: carried.map_err(|error| Failure::of(Code::Io, &error))?,
            close_all: open_runs == Some(OpenRuns::Truncate),
            given,
            changes: Changes {
                lake: lake.cloned(),
                parts: plan.held.parts.clone(),
                sources: plan.held.sources.clone(),
                open_runs: open_runs.unwrap_or(usual),
                ..Changes::default()
            },
            ..Self::default()
        })
    }

    /// Whether there are runs to close, whatever is exported.
    pub(super) fn has_runs_to_close(&self) -> bool {
        self.close_all && !self.carried.is_empty()
    }

    /// Says what is to be read besides the sources, once it is known which runs there are.
    pub(super) fn inputs(
        &mut self,
        seen: &SeenRuns<'_>,
        sort: &SortOptions,
    ) -> Result<Vec<Input>, ArchiveError> {
        let Some(lake) = self.lake.clone() else {
            return Ok(Vec::new());
        };
        let carried = std::mem::take(&mut self.carried);
        if !seen.are_known() {
            self.changes.whole = Whole::Every;
            self.runs = None;
            return self.beginning(lake, None, !carried.is_empty(), sort);
        }
        let mut whole = BTreeSet::new();
        for run in carried {
            match seen.start(&run.request_id) {
                None if self.close_all => self.changes.closed.push(run),
                None => self.changes.kept.push(run),
                Some(start) if start > run.last => self.changes.continued.push(run),
                Some(_) => {
                    whole.insert(run.request_id);
                }
            }
        }
        let some_late = !whole.is_empty();
        let wants = |run: &str| seen.start(run).is_some();
        let found = lake.runs(&mut |run| wants(run));
        whole.extend(found.map_err(|error| unreadable(&lake, error))?);
        if knows_no_runs(&lake) {
            let begun = self.given.begun(lake.listing(), &wants);
            whole.extend(begun.map_err(|stop| self.stopped(&lake, stop))?);
        }
        for run in &self.changes.continued {
            whole.remove(&run.request_id);
        }
        if whole.is_empty() {
            return Ok(Vec::new());
        }
        let whole = Arc::new(whole);
        self.runs = Some(whole.len() as u64);
        self.changes.whole = Whole::Also(Arc::clone(&whole));
        self.beginning(lake, Some(whole), some_late, sort)
    }

    /// Returns what the beginning of runs is read from, of all where none are named; `some_carried` says whether
    /// there are carried ones among them.
    fn beginning(
        &mut self,
        lake: LakeReader,
        runs: Option<Arc<BTreeSet<Text>>>,
        some_carried: bool,
        sort: &SortOptions,
    ) -> Result<Vec<Input>, ArchiveError> {
        let listing = lake.listing();
        if listing.parts_of(Table::Events).next().is_some() {
            return Ok(vec![self.store(lake, runs)]);
        }
        let holds = |run: &str| runs.as_ref().is_none_or(|runs| runs.contains(run));
        let parts = lake.parts_with(&mut |run| holds(run));
        let parts = parts.map_err(|error| unreadable(&lake, error))?;
        if runs.is_none() && parts.is_empty() && !some_carried {
            return Ok(Vec::new());
        }
        let mut held = listing.held_with(&parts, some_carried);
        if knows_no_runs(&lake) {
            held.sources.extend(self.given.grown.iter().cloned());
        }
        let inputs = self.given.all_exported(listing, &held);
        let inputs =
            inputs.map_err(|failure| self.stopped(&lake, earlier::Stop::Refused(failure)))?;
        self.from_sources = true;
        Ok(vec![Input::Store(Arc::new(Earlier {
            given: self.given.clone(),
            inputs,
            sort: sort.clone(),
            runs,
            events: Arc::clone(&self.events),
        }))])
    }

    fn stopped(&mut self, lake: &LakeReader, stop: earlier::Stop) -> ArchiveError {
        match stop {
            earlier::Stop::Reading(error) => error,
            earlier::Stop::Refused(failure) => {
                self.refusal = Some(failure);
                let name = lake.root().display().to_string();
                let source = "runs that it holds cannot be made whole".into();
                ArchiveError::Store { name, source }
            }
        }
    }

    /// Returns why the export cannot be, where that is why reading ended.
    pub(super) fn take_refusal(&mut self) -> Option<Failure> {
        self.refusal.take()
    }

    fn store(&self, lake: LakeReader, runs: Option<Arc<BTreeSet<Text>>>) -> Input {
        Input::Store(Arc::new(RunsOfLake {
            lake,
            runs,
            events: Arc::clone(&self.events),
        }))
    }

    /// Whether these were read from the sources, since the lake has none.
    pub(crate) fn are_from_sources(&self) -> bool {
        self.from_sources
    }

    /// How many events were read from the lake, or from the sources in its place.
    pub(crate) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// How many runs come whole that the lake held something of; `None` where it is all that it holds.
    pub(crate) fn runs(&self) -> Option<u64> {
        self.runs
    }

    /// What the export changes of what the lake holds.
    pub(super) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }
}

/// Runs of a lake, to be exported again with what has been added to them.
#[derive(Debug)]
struct RunsOfLake {
    lake: LakeReader,
    /// All, where none are named.
    runs: Option<Arc<BTreeSet<Text>>>,
    events: Arc<AtomicU64>,
}

impl EventStore for RunsOfLake {
    fn name(&self) -> String {
        self.lake.root().display().to_string()
    }

    fn size(&self) -> u64 {
        0
    }

    fn read(&self, progress: &Progress, sink: &mut dyn Sink) -> Result<StoreRead, ArchiveError> {
        let mut wanted = |run: &str| self.runs.as_ref().is_none_or(|runs| runs.contains(run));
        let filter = RunFilter::Matching(&mut wanted);
        let mut take = |events: Vec<_>, bytes| {
            self.events
                .fetch_add(events.len() as u64, Ordering::Relaxed);
            sink.events(events, bytes)
        };
        let read = self
            .lake
            .read_events_until(filter, &progress.cancelled, &mut take);
        let mut read = read.map_err(|stopped| match stopped {
            Stopped::Taker(error) => error,
            Stopped::Cancelled => ArchiveError::Interrupted,
        })?;
        // What gives way must be whole, or something would be lost.
        if let Some(row) = read.bad_rows.pop() {
            let what = format!("row {}: {}", row.row, row.what);
            let path = row.path;
            return Err(unreadable(
                &self.lake,
                LakeReadError::Damaged { path, what },
            ));
        }
        match read.failed.pop() {
            Some(error) => Err(unreadable(&self.lake, error)),
            None => Ok(StoreRead::default()),
        }
    }
}

/// Whether a run may have been exported that no row tells of.
fn knows_no_runs(lake: &LakeReader) -> bool {
    let mut told = [Table::Runs, Table::Events].into_iter();
    !told.any(|table| lake.listing().parts_of(table).next().is_some())
}

fn unreadable(lake: &LakeReader, error: LakeReadError) -> ArchiveError {
    ArchiveError::Store {
        name: lake.root().display().to_string(),
        source: Box::new(error),
    }
}
