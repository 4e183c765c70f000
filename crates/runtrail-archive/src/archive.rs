//! An archive as a whole.

use std::sync::Arc;

use runtrail_core::event::TraceEvent;

use crate::error::ArchiveError;
use crate::options::{ReadOptions, SortOptions};
use crate::read::{Progress, ReadReport, Reader, Sink};
use crate::reject::Reject;
use crate::sort::{Sorted, Sorter};
use crate::source::{Input, Sources, resolve};

/// Called with every reject, in the order of reading.
type OnReject<'a> = Box<dyn FnMut(&Reject) -> Result<(), ArchiveError> + 'a>;

/// The files that a list of sources names, ready to be read.
pub struct Archive<'a> {
    sources: Sources,
    progress: Arc<Progress>,
    on_reject: OnReject<'a>,
}

/// An archive that has been read and is handed out in order.
pub struct SortedArchive {
    /// What reading came to.
    pub report: ReadReport,
    /// The events.
    pub events: Sorted,
}

impl<'a> Archive<'a> {
    /// Finds the files that the sources name; see [`resolve`].
    pub fn open<S: AsRef<str>>(sources: &[S]) -> Result<Self, ArchiveError> {
        Ok(Self {
            sources: resolve(sources)?,
            progress: Arc::default(),
            on_reject: Box::new(|_| Ok(())),
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

    /// Reads everything and brings it into order.
    pub fn sorted(
        &mut self,
        options: ReadOptions,
        sort: SortOptions,
    ) -> Result<SortedArchive, ArchiveError> {
        let mut sorter = Sorter::new(sort);
        let report = self.read_into(options, &mut |events, bytes| sorter.push(events, bytes))?;
        Ok(SortedArchive {
            report,
            events: sorter.finish()?,
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

type TakeEvents<'s> = dyn FnMut(Vec<TraceEvent>, usize) -> Result<(), ArchiveError> + 's;

/// Sends events one way and rejects the other.
struct Split<'s, 'r, 'a> {
    take: &'s mut TakeEvents<'r>,
    on_reject: &'s mut OnReject<'a>,
}

impl Sink for Split<'_, '_, '_> {
    fn events(&mut self, events: Vec<TraceEvent>, bytes: usize) -> Result<(), ArchiveError> {
        (self.take)(events, bytes)
    }

    fn reject(&mut self, reject: Reject) -> Result<(), ArchiveError> {
        (self.on_reject)(&reject)
    }
}
