//! Events that are kept in another form than files of them, such as the tables of a lake.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use runtrail_core::event::TraceEvent;

use crate::error::ArchiveError;
use crate::read::{Progress, ReadReport, Sink};
use crate::reject::Reject;

/// A folder that holds events in a form that this crate does not read by itself.
///
/// It is the seam to formats whose readers are heavy: a program that has one hands it to
/// [`resolve_with`](crate::resolve_with), and then whatever reads archives reads it too.
pub trait EventStore: fmt::Debug + Send + Sync {
    /// Returns the name to show.
    fn name(&self) -> String;

    /// Returns about how many bytes reading all of it takes; 0 where that is not known.
    fn size(&self) -> u64;

    /// Returns what tells its events from any others; `None` where that would take reading them.
    fn content(&self) -> Option<String> {
        None
    }

    /// Hands every event to the sink that it [wants](Sink::wants), in any order, repeats included, in
    /// portions that fit in memory; what cannot be read is told and the rest is read.
    ///
    /// An error of the sink ends reading and is returned. Bytes are counted in
    /// [`Progress::bytes_read`] by the store; events and rejects are not.
    fn read(&self, progress: &Progress, sink: &mut dyn Sink) -> Result<StoreRead, ArchiveError>;
}

/// What a store could not read, or was not meant to.
#[derive(Debug, Clone, Default)]
pub struct StoreRead {
    /// The parts that could not be read to their end, and why.
    pub failed: Vec<(String, String)>,
    /// Parts that the store itself does not know of, left out.
    pub stray: Vec<String>,
}

/// Says which folders are stores: returns one, or `None` where a folder is none.
pub type OpenStore<'o> = dyn Fn(&Path) -> Result<Option<Arc<dyn EventStore>>, ArchiveError> + 'o;

/// Reads a store into a sink, and notes in the report what it came to.
pub(crate) fn read_store(
    store: &dyn EventStore,
    progress: &Progress,
    report: &mut ReadReport,
    sink: &mut dyn Sink,
) -> Result<(), ArchiveError> {
    let mut counting = Counting {
        progress,
        report,
        sink,
    };
    let StoreRead { failed, stray } = store.read(progress, &mut counting)?;
    report.failed.extend(failed);
    report.stray.extend(stray);
    Ok(())
}

/// Counts what comes by.
struct Counting<'s> {
    progress: &'s Progress,
    report: &'s mut ReadReport,
    sink: &'s mut dyn Sink,
}

impl Sink for Counting<'_> {
    fn only(&self) -> Option<&str> {
        self.sink.only()
    }

    fn wants(&mut self, request_id: &str) -> bool {
        self.sink.wants(request_id)
    }

    fn events(&mut self, events: Vec<TraceEvent>, bytes: usize) -> Result<(), ArchiveError> {
        if self.progress.cancelled.load(Ordering::Relaxed) {
            return Err(ArchiveError::Interrupted);
        }
        self.report.events += events.len() as u64;
        self.progress
            .events
            .fetch_add(events.len() as u64, Ordering::Relaxed);
        self.sink.events(events, bytes)
    }

    fn reject(&mut self, reject: Reject) -> Result<(), ArchiveError> {
        *self.report.rejects.entry(reject.reason.code()).or_default() += 1;
        self.progress.rejects.fetch_add(1, Ordering::Relaxed);
        self.sink.reject(reject)
    }
}
