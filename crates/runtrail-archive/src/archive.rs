//! An archive as a whole.

use std::sync::Arc;

use runtrail_core::event::TraceEvent;

use crate::error::ArchiveError;
use crate::options::{ReadOptions, SortOptions};
use crate::ordered::{Besides, MAX_RUNS_BY_START, Ordering, SeenRuns};
use crate::read::{Progress, ReadReport, Reader, Sink};
use crate::reject::Reject;
use crate::sort::Sorted;
#[cfg(doc)]
use crate::source::resolve;
use crate::source::{Input, Sources, resolve_with};
use crate::store::OpenStore;

/// Called with every reject, in the order of reading.
pub(crate) type OnReject<'a> = Box<dyn FnMut(&Reject) -> Result<(), ArchiveError> + 'a>;

/// The files that a list of sources names, ready to be read.
pub struct Archive<'a> {
    sources: Sources,
    progress: Arc<Progress>,
    on_reject: OnReject<'a>,
    strict: bool,
    careful: bool,
    repeats: bool,
}

impl<'a> Archive<'a> {
    /// Finds the files that the sources name; see [`resolve`].
    pub fn open<S: AsRef<str>>(sources: &[S]) -> Result<Self, ArchiveError> {
        Self::open_with(sources, &|_| Ok(None))
    }

    /// Finds the files and the stores that the sources name; see [`resolve_with`].
    pub fn open_with<S: AsRef<str>>(
        sources: &[S],
        open: &OpenStore<'_>,
    ) -> Result<Self, ArchiveError> {
        Ok(Self {
            sources: resolve_with(sources, open)?,
            progress: Arc::default(),
            on_reject: Box::new(|_| Ok(())),
            strict: false,
            careful: false,
            repeats: false,
        })
    }

    /// Calls back with every reject; an error from there stops reading.
    pub fn on_reject(mut self, call: impl FnMut(&Reject) -> Result<(), ArchiveError> + 'a) -> Self {
        self.on_reject = Box::new(call);
        self
    }

    /// Returns the files.
    pub fn inputs(&self) -> &[Input] {
        &self.sources.inputs
    }

    /// Returns what was found and left out.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Returns how far reading has come, for another thread to look at.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Hands every event to a sink, in the order of the files, repeats included.
    pub fn read(
        &mut self,
        options: ReadOptions,
        sink: &mut dyn FnMut(TraceEvent),
    ) -> Result<ReadReport, ArchiveError> {
        let mut take = |events: Vec<TraceEvent>, _: usize| {
            events.into_iter().for_each(&mut *sink);
            Ok(())
        };
        self.read_into(options, &mut take)
    }

    /// Finds every reject, and stops at the first, before any event is handed out.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Parses every line of files that are read by pieces beforehand, where else their look is
    /// relied upon; for when reading failed with [`ArchiveError::Changed`].
    pub fn careful(mut self) -> Self {
        self.careful = true;
        self
    }

    /// Leaves exact repeats in what is handed out in order, each behind what it repeats. Neither they nor
    /// conflicts are counted then.
    pub fn with_repeats(mut self) -> Self {
        self.repeats = true;
        self
    }

    /// Reads in order; events are handed out while the archive is read where its order allows it.
    pub fn sorted(self, read: ReadOptions, sort: SortOptions) -> Result<Sorted<'a>, ArchiveError> {
        self.ordered(read, sort, None)
    }

    /// Reads in order, as [`Archive::sorted`] does, and besides the files what the callback names once it
    /// is known which runs they mention, such as what is kept of these runs elsewhere. The report says
    /// nothing of that, but the events are handed out as if they stood in the files; repeats of them count
    /// as such.
    pub fn sorted_besides(
        self,
        read: ReadOptions,
        sort: SortOptions,
        besides: impl FnOnce(&SeenRuns<'_>) -> Result<Vec<Input>, ArchiveError>,
    ) -> Result<Sorted<'a>, ArchiveError> {
        self.ordered(read, sort, Some(Box::new(besides)))
    }

    /// Reads these parts of the files instead of all that there is of them, and only these files.
    pub fn narrowed(mut self, inputs: Vec<Input>) -> Self {
        self.sources.inputs = inputs;
        self
    }

    fn ordered(
        self,
        read: ReadOptions,
        sort: SortOptions,
        besides: Option<Besides<'_>>,
    ) -> Result<Sorted<'a>, ArchiveError> {
        let ordering = Ordering {
            inputs: &self.sources.inputs,
            read: read.within_limits(),
            sort,
            progress: &self.progress,
            strict: self.strict,
            careful: self.careful,
            max_runs: MAX_RUNS_BY_START,
            besides,
        };
        let sorted = ordering.sorted(self.on_reject)?;
        Ok(if self.repeats {
            sorted.with_repeats()
        } else {
            sorted
        })
    }

    fn read_into(
        &mut self,
        options: ReadOptions,
        take: &mut TakeEvents<'_>,
    ) -> Result<ReadReport, ArchiveError> {
        let mut reader = Reader::new(options, &self.progress);
        let mut sink = Split {
            take,
            on_reject: &mut self.on_reject,
        };
        for input in &self.sources.inputs {
            reader.read(input, &mut sink)?;
        }
        Ok(reader.finish())
    }
}

pub(crate) type TakeEvents<'s> = dyn FnMut(Vec<TraceEvent>, usize) -> Result<(), ArchiveError> + 's;

/// Sends events one way and rejects the other.
pub(crate) struct Split<'s, 'r, 'a> {
    pub(crate) take: &'s mut TakeEvents<'r>,
    pub(crate) on_reject: &'s mut OnReject<'a>,
}

impl Sink for Split<'_, '_, '_> {
    fn only(&self) -> Option<&str> {
        None
    }

    fn wants(&mut self, _request_id: &str) -> bool {
        true
    }

    fn events(&mut self, events: Vec<TraceEvent>, bytes: usize) -> Result<(), ArchiveError> {
        (self.take)(events, bytes)
    }

    fn reject(&mut self, reject: Reject) -> Result<(), ArchiveError> {
        (self.on_reject)(&reject)
    }
}
