//! The beginning of runs that go on in a lake without the table of events: read from its sources again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use runtrail_archive::{
    ArchiveError, EventStore, Extent, Input, Progress, Reader, Reject, Sink, SortOptions, Sorter,
    StoreRead,
};
use runtrail_core::event::TraceEvent;
use runtrail_core::printable::Printable;
use runtrail_core::text::Text;
use runtrail_parquet::{Held, Listing, SourceInfo};

use super::plan::{self, Plan};
use crate::args::{ExportArgs, ReadArgs};
use crate::failure::Failure;
use crate::human::counted;
use crate::logged::still_up_to;

/// Sources named in a message, at most.
const MAX_NAMES: usize = 10;

/// The sources that are named for an export, and how they are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    inputs: Vec<Input>,
    /// The names of those that have grown since they were exported.
    pub(super) grown: BTreeSet<String>,
    read: ReadArgs,
    threads: usize,
}

impl Given {
    pub(super) fn new(inputs: &[Input], plan: &Plan, args: &ExportArgs, threads: usize) -> Self {
        let grown = plan.sources.iter().filter(|source| source.is_rest);
        Self {
            inputs: inputs.to_vec(),
            grown: grown.map(|source| source.input.name()).collect(),
            read: args.read.clone(),
            threads,
        }
    }

    /// Returns what was exported of all the sources that the lake holds something of together. Where part of
    /// it is not there any more, rows would lack what it held, and that is refused.
    pub(super) fn all_exported(
        &self,
        listing: &Listing,
        together: &Held,
    ) -> Result<Vec<Input>, Failure> {
        let logged = listing.sources();
        let (mut found, mut absent) = (Vec::new(), Vec::new());
        for name in &together.sources {
            let info = logged.get(name.as_str());
            match info.map(|info| self.exported(info)).transpose()?.flatten() {
                Some(input) => found.push(input),
                None => absent.push(name.as_str()),
            }
        }
        if absent.is_empty() && !together.unnamed && !found.is_empty() {
            return Ok(found);
        }
        let what = "the lake holds runs that go on, and has no table of events to read their beginning from";
        let help = if absent.is_empty() {
            "export all sources at once to another folder: the log does not say where the beginning came from".to_owned()
        } else {
            format!(
                "name these sources too, as they were exported or grown since: {}; or export all at once to another folder",
                shown(&absent)
            )
        };
        Err(Failure::usage(what).help(help))
    }

    /// Returns what was exported of a source; `None` where it is not named, or is no longer that.
    fn exported(&self, info: &SourceInfo) -> Result<Option<Input>, Failure> {
        let mut named = self.inputs.iter();
        let Some(Input::File {
            path, size, named, ..
        }) = named.find(|input| input.name() == info.name)
        else {
            return Ok(None);
        };
        if info.options != plan::options(&self.read) {
            return Ok(None);
        }
        let same = still_up_to(path, info, &(0..=u64::MAX), self.threads);
        let same = same.map_err(|error| Failure::path("read", path, &error))?;
        Ok(same.map(|bytes| Input::File {
            path: path.clone(),
            size: *size,
            named: *named,
            extent: Some(Extent::first(bytes)),
        }))
    }

    /// Returns the wanted runs that what was exported of the sources which have grown mentions. A lake that
    /// has neither events nor runs holds no row of some of them.
    pub(super) fn begun(
        &self,
        listing: &Listing,
        wants: &dyn Fn(&str) -> bool,
    ) -> Result<BTreeSet<Text>, Stop> {
        let logged = listing.sources();
        let grown = self.grown.iter();
        let inputs = grown.filter_map(|name| self.exported(logged.get(name.as_str())?).transpose());
        let inputs: Vec<Input> = inputs.collect::<Result<_, _>>().map_err(Stop::Refused)?;
        let mut found = BTreeSet::new();
        let mut take = |events: Vec<TraceEvent>| {
            for event in events {
                if wants(&event.request_id) && !found.contains(&event.request_id) {
                    found.insert(event.request_id.detached());
                }
            }
            Ok(())
        };
        self.read(&inputs, &Progress::default(), &mut take)
            .map_err(Stop::Reading)?;
        Ok(found)
    }

    fn read(
        &self,
        inputs: &[Input],
        progress: &Progress,
        take: &mut dyn FnMut(Vec<TraceEvent>) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let mut reader = Reader::new(self.read.options(self.threads), progress);
        let mut taking = Taking {
            take,
            cancelled: &progress.cancelled,
        };
        inputs
            .iter()
            .try_for_each(|input| reader.read(input, &mut taking))?;
        match reader.finish().failed.pop() {
            Some((name, why)) => Err(ArchiveError::Store {
                name,
                source: why.into(),
            }),
            None => Ok(()),
        }
    }
}

/// Why the beginning of runs is not read.
pub(super) enum Stop {
    /// It is not there.
    Refused(Failure),
    Reading(ArchiveError),
}

/// The beginning of runs, as sources have it.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) given: Given,
    /// What was exported.
    pub(super) inputs: Vec<Input>,
    /// How it is brought into order.
    pub(super) sort: SortOptions,
    /// The runs; all, where none are named.
    pub(super) runs: Option<Arc<BTreeSet<Text>>>,
    /// Counts the events that are handed out.
    pub(super) events: Arc<AtomicU64>,
}

impl EventStore for Earlier {
    fn name(&self) -> String {
        "the sources as they were exported".to_owned()
    }

    fn size(&self) -> u64 {
        0
    }

    /// Hands out each event once, as a lake would that has the table: repeats were counted by the export
    /// that left them out.
    fn read(&self, progress: &Progress, sink: &mut dyn Sink) -> Result<StoreRead, ArchiveError> {
        let mut sorter = Sorter::new(self.sort.clone());
        let wants = |event: &&TraceEvent| {
            let runs = self.runs.as_ref();
            runs.is_none_or(|runs| runs.contains(&event.request_id))
        };
        let mut take = |events: Vec<TraceEvent>| {
            let wanted = TraceEvent::detached_together(events.iter().filter(wants));
            let bytes = wanted.iter().map(TraceEvent::text_bytes).sum();
            if wanted.is_empty() {
                Ok(())
            } else {
                sorter.push(wanted, bytes)
            }
        };
        let reading = Progress {
            cancelled: Arc::clone(&progress.cancelled),
            ..Progress::default()
        };
        self.given.read(&self.inputs, &reading, &mut take)?;
        let mut events = sorter.finish()?;
        while let Some(batch) = events.next_batch()? {
            let portion = batch.events().to_vec();
            let bytes = portion.iter().map(TraceEvent::text_bytes).sum();
            self.events
                .fetch_add(portion.len() as u64, Ordering::Relaxed);
            sink.events(portion, bytes)?;
        }
        Ok(StoreRead::default())
    }
}

/// Takes the events of files. What is none was told by the export that found it.
struct Taking<'t> {
    take: &'t mut dyn FnMut(Vec<TraceEvent>) -> Result<(), ArchiveError>,
    cancelled: &'t AtomicBool,
}

impl Sink for Taking<'_> {
    fn only(&self) -> Option<&str> {
        None
    }

    fn wants(&mut self, _request_id: &str) -> bool {
        true
    }

    fn events(&mut self, events: Vec<TraceEvent>, _bytes: usize) -> Result<(), ArchiveError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(ArchiveError::Interrupted);
        }
        (self.take)(events)
    }

    fn reject(&mut self, _reject: Reject) -> Result<(), ArchiveError> {
        Ok(())
    }
}

/// Names sources in a message.
pub(super) fn shown(names: &[&str]) -> String {
    let mut shown: Vec<String> = names
        .iter()
        .take(MAX_NAMES)
        .map(|name| Printable(name).to_string())
        .collect();
    if let Some(more) = names.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
        shown.push(format!("{} more", counted(more as u64, "file")));
    }
    shown.join(", ")
}
