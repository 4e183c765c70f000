//! What a lake holds already of the runs that an export mentions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runtrail_archive::{ArchiveError, EventStore, Input, Progress, SeenRuns, Sink, StoreRead};
use runtrail_core::text::Text;
use runtrail_parquet::{
    CarriedRun, Changes, LakeReadError, LakeReader, OpenRuns, RunFilter, Stopped, Whole,
};

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
    /// Events that were read from the lake.
    events: Arc<AtomicU64>,
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
            events: Arc::default(),
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

    /// Says what is to be read from the lake, once it is known which runs there are.
    pub(super) fn inputs(&mut self, seen: &SeenRuns<'_>) -> Result<Vec<Input>, ArchiveError> {
        let Some(lake) = self.lake.clone() else {
            return Ok(Vec::new());
        };
        let mut whole = BTreeSet::new();
        for run in std::mem::take(&mut self.carried) {
            match seen.start(&run.request_id) {
                // Its events are read from the lake again, with all others.
                _ if !seen.are_known() => {}
                None if self.close_all => self.changes.closed.push(run),
                None => self.changes.kept.push(run),
                Some(start) if start > run.last => self.changes.continued.push(run),
                Some(_) => {
                    whole.insert(run.request_id);
                }
            }
        }
        if !seen.are_known() {
            self.changes.whole = Whole::Every;
            self.runs = None;
            return Ok(vec![self.store(lake, None)]);
        }
        let found = lake.runs(&mut |run| seen.start(run).is_some());
        whole.extend(found.map_err(|error| unreadable(&lake, error))?);
        for run in &self.changes.continued {
            whole.remove(&run.request_id);
        }
        if whole.is_empty() {
            return Ok(Vec::new());
        }
        let whole = Arc::new(whole);
        self.runs = Some(whole.len() as u64);
        self.changes.whole = Whole::Also(Arc::clone(&whole));
        Ok(vec![self.store(lake, Some(whole))])
    }

    fn store(&self, lake: LakeReader, runs: Option<Arc<BTreeSet<Text>>>) -> Input {
        Input::Store(Arc::new(RunsOfLake {
            lake,
            runs,
            events: Arc::clone(&self.events),
        }))
    }

    /// How many events were read from the lake.
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

fn unreadable(lake: &LakeReader, error: LakeReadError) -> ArchiveError {
    ArchiveError::Store {
        name: lake.root().display().to_string(),
        source: Box::new(error),
    }
}
