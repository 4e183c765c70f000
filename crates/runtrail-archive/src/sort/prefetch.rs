//! Merging on a thread of its own, a few batches ahead.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use runtrail_core::export::Batch;

use super::{SortCounts, Sorted};
use crate::error::ArchiveError;

/// Batches that wait to be taken.
const AHEAD: usize = 4;

/// Hands out what a [`Sorted`] hands out, merged ahead on another thread.
pub struct Prefetched {
    batches: Option<Receiver<Result<Batch, ArchiveError>>>,
    thread: Option<JoinHandle<SortCounts>>,
    counts: SortCounts,
}

impl Sorted {
    /// Goes on merging on another thread, while the caller deals with what came before.
    pub fn prefetch(mut self) -> Prefetched {
        let (send, batches) = sync_channel(AHEAD);
        let thread = std::thread::spawn(move || {
            while let Some(batch) = self.next_batch().transpose() {
                let failed = batch.is_err();
                // A caller that went away wants no more.
                if send.send(batch).is_err() || failed {
                    break;
                }
            }
            self.counts()
        });
        Prefetched {
            batches: Some(batches),
            thread: Some(thread),
            counts: SortCounts::default(),
        }
    }
}

impl Prefetched {
    /// As [`Sorted::next_batch`].
    pub fn next_batch(&mut self) -> Result<Option<Batch>, ArchiveError> {
        match self
            .batches
            .as_ref()
            .and_then(|batches| batches.recv().ok())
        {
            Some(batch) => batch.map(Some),
            None => self.join().map(|()| None),
        }
    }

    /// Returns what was found; complete when the last batch has been handed out.
    pub fn counts(&self) -> SortCounts {
        self.counts
    }

    fn join(&mut self) -> Result<(), ArchiveError> {
        // Closing the channel first lets a thread that is waiting to send end.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            self.counts = thread.join().map_err(|_| ArchiveError::ThreadLost)?;
        }
        Ok(())
    }
}

impl Drop for Prefetched {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.join();
    }
}
