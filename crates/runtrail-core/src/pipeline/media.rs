//! Media: bytes that events refer to, and that go to a store of their own.
//!
//! A reference is recorded where it is made, so it stands in its op whenever the store is done. Its
//! handle is the SHA-256 of the bytes, which is all that the emitting thread does with them; they
//! wait within the pipeline's byte budget for a thread that stores them. A run that refers to bytes
//! on their way does not end before they are stored, so that its own stream tells of those that were
//! not.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::shared::{Shared, lock};
use crate::emit::Run;
use crate::export::ExportError;
use crate::printable::Printable;

/// Bytes of media that may wait at once are bounded by the pipeline's budget, and so is their number.
const MAX_WAITING: usize = 4096;
/// Handles that are remembered, so that the same bytes are handed to the store once.
const MAX_KNOWN: usize = 65_536;

/// The key of the note that tells of bytes which were not stored after all.
pub const MEDIA_FAILED_KEY: &str = "runtrail.media_failed";

/// Keeps bytes under the name of their content.
///
/// It is called on a thread of its own, one call at a time, and may block.
pub trait MediaStore: Send {
    /// Returns a short name for messages, such as `folder`.
    fn name(&self) -> &str;

    /// Stores bytes under their handle, `sha256:` and 64 digits; after `Ok` they are durable. Bytes
    /// that are there under this handle already are the same, and may be left as they are.
    fn put(&mut self, handle: &str, bytes: &[u8], mime: &str) -> Result<(), ExportError>;
}

#[deny(clippy::missing_trait_methods)]
impl<S: MediaStore + ?Sized> MediaStore for Box<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn put(&mut self, handle: &str, bytes: &[u8], mime: &str) -> Result<(), ExportError> {
        (**self).put(handle, bytes, mime)
    }
}

/// What became of media.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediaStats {
    /// Contents handed to the store, and stored.
    pub stored: u64,
    /// References to contents that were handed to the store before.
    pub repeated: u64,
    /// Contents that the store failed at; a note in the run says so.
    pub failed: u64,
    /// References to bytes that never came to a store: there is none, or no room. They say so.
    pub refused: u64,
    /// Contents that wait for the store.
    pub waiting: u64,
}

/// Bytes on their way to the store.
struct Job {
    handle: String,
    mime: String,
    bytes: Bytes,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// The runs that refer to what is on its way, each kept open and once; by handle.
    pending: HashMap<String, HashMap<u64, Run>>,
    known: HashSet<String>,
    /// The order in which `known` grew.
    oldest: VecDeque<String>,
    /// The ids of open runs by their handles' numbers.
    runs: HashMap<u64, String>,
    stats: MediaStats,
    closed: bool,
}

/// The way of media from emitting threads to the store's thread.
pub(crate) struct Media {
    has_store: bool,
    /// In a forked child a lock may be held by a thread that is not there.
    process: u32,
    state: Mutex<State>,
    work: Condvar,
    idle: Condvar,
}

/// Why bytes do not go to the store.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Refused {
    error: &'static str,
}

#[derive(Serialize)]
struct Failure<'a> {
    handle: &'a str,
    error: &'a str,
}

impl Media {
    pub(crate) fn new(has_store: bool) -> Self {
        Self {
            has_store,
            process: std::process::id(),
            state: Mutex::default(),
            work: Condvar::new(),
            idle: Condvar::new(),
        }
    }

    pub(crate) fn has_store(&self) -> bool {
        self.has_store
    }

    pub(crate) fn stats(&self) -> MediaStats {
        let state = lock(&self.state);
        MediaStats {
            waiting: state.pending.len() as u64,
            ..state.stats
        }
    }

    /// Takes note of a run's handle.
    pub(crate) fn begin_run(&self, number: u64, request_id: &str) {
        let mut state = lock(&self.state);
        state.runs.insert(number, request_id.to_owned());
    }

    /// Forgets a run's handle, before its end is recorded.
    pub(crate) fn end_run(&self, number: u64) {
        if std::process::id() == self.process {
            lock(&self.state).runs.remove(&number);
        }
    }

    /// Forgets a run that is finished by hand.
    pub(crate) fn finish_run(&self, request_id: &str) {
        if self.has_store {
            lock(&self.state).runs.retain(|_, id| id != request_id);
        }
    }

    /// Hands bytes over to the store; gives their handle, or says why they stay behind.
    pub(crate) fn put(
        &self,
        shared: &Shared,
        run: u64,
        bytes: Bytes,
        mime: &str,
    ) -> Result<String, Refused> {
        if shared.is_forked() {
            let error = "this is a forked child";
            return Err(Refused { error });
        }
        if !self.has_store {
            lock(&self.state).stats.refused += 1;
            let error = "there is no media store";
            return Err(Refused { error });
        }
        // The dearest part, and it needs no lock.
        let handle = handle(&bytes);
        // What waits must not keep more alive than it is charged for: a slice would its whole buffer. Bytes that are
        // whole and nobody else's are not copied.
        let bytes = Bytes::from(Vec::from(bytes).into_boxed_slice());
        let mut state = lock(&self.state);
        let admitted = state.admit(shared, run, &handle, bytes, mime);
        if admitted.is_err() {
            state.stats.refused += 1;
        }
        drop(state);
        self.work.notify_one();
        admitted.map_err(|error| Refused { error })?;
        Ok(handle)
    }

    /// Waits until nothing is on its way, or the deadline; returns how much still is.
    pub(crate) fn wait(&self, deadline: Instant) -> u64 {
        let mut state = lock(&self.state);
        loop {
            let left = state.pending.len() as u64;
            let time = deadline.saturating_duration_since(Instant::now());
            if left == 0 || time.is_zero() {
                return left;
            }
            let waited = self.idle.wait_timeout(state, time);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes nothing more; what is still on its way is not stored, and its runs say so.
    pub(crate) fn close(&self, shared: &Shared) {
        let (waiting, pending) = {
            let mut state = lock(&self.state);
            state.closed = true;
            let pending = std::mem::take(&mut state.pending);
            state.stats.failed += pending.len() as u64;
            (std::mem::take(&mut state.waiting), pending)
        };
        for job in &waiting {
            shared.release(job.bytes.len());
        }
        for (handle, runs) in &pending {
            tell(handle, runs, "the pipeline ended before it was stored");
        }
        self.work.notify_all();
    }

    /// The store's thread: stores what comes, until it is closed.
    pub(crate) fn run(&self, shared: &Shared, store: Box<dyn MediaStore>) {
        let name = store.name().to_owned();
        let mut store = Some(store);
        while let Some(job) = self.next() {
            let stored = put(&mut store, &job);
            shared.release(job.bytes.len());
            if let Err(error) = &stored {
                tracing::warn!(
                    target: "runtrail",
                    store = name,
                    bytes = job.bytes.len(),
                    "media was not stored: {}",
                    Printable(error)
                );
            }
            self.settle(&job.handle, &stored);
            self.idle.notify_all();
        }
    }

    /// Ends what is pending. It counts as done when every run that refers to it is told, those that
    /// come to refer to it meanwhile among them.
    fn settle(&self, handle: &str, stored: &Result<(), String>) {
        let mut told = Vec::new();
        loop {
            let mut state = lock(&self.state);
            // Nothing is pending any more where the pipeline ended meanwhile, and said so.
            let Some(runs) = state.pending.get_mut(handle) else {
                return;
            };
            if let Err(error) = stored
                && !runs.is_empty()
            {
                let runs = std::mem::take(runs);
                drop(state);
                tell(handle, &runs, error);
                told.push(runs);
                continue;
            }
            let runs = state.pending.remove(handle);
            match stored {
                Ok(()) => {
                    state.stats.stored += 1;
                    state.remember(handle.to_owned());
                }
                Err(_) => state.stats.failed += 1,
            }
            // The runs may end now; not under the lock.
            drop(state);
            drop(runs);
            return;
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            let waited = self.work.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    /// Takes a reference in: to bytes that are stored, on their way, or new.
    fn admit(
        &mut self,
        shared: &Shared,
        run: u64,
        handle: &str,
        bytes: Bytes,
        mime: &str,
    ) -> Result<(), &'static str> {
        if self.closed {
            return Err("the pipeline has ended");
        }
        let Some(request_id) = self.runs.get(&run) else {
            return Err("the run has ended");
        };
        if self.known.contains(handle) {
            self.stats.repeated += 1;
            return Ok(());
        }
        // Under the lock, under which the caller's own handle is forgotten before it ends.
        let open = || Run::begin(shared.id, shared.next_run(), request_id, None);
        if let Some(runs) = self.pending.get_mut(handle) {
            runs.entry(run).or_insert_with(open);
            self.stats.repeated += 1;
            return Ok(());
        }
        if self.waiting.len() >= MAX_WAITING || !shared.charge(bytes.len()) {
            return Err("too much waits to be stored");
        }
        let runs = HashMap::from([(run, open())]);
        self.pending.insert(handle.to_owned(), runs);
        self.waiting.push_back(Job {
            handle: handle.to_owned(),
            mime: mime.to_owned(),
            bytes,
        });
        Ok(())
    }

    fn remember(&mut self, handle: String) {
        if self.oldest.len() >= MAX_KNOWN
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(handle.clone());
        self.oldest.push_back(handle);
    }
}

/// Notes on runs that what they refer to is not stored.
fn tell(handle: &str, runs: &HashMap<u64, Run>, error: &str) {
    for run in runs.values() {
        run.annotate(MEDIA_FAILED_KEY, || Failure { handle, error });
    }
}

/// A store that panics is not called again.
fn put(store: &mut Option<Box<dyn MediaStore>>, job: &Job) -> Result<(), String> {
    let Some(mut called) = store.take() else {
        return Err("the media store panicked before".to_owned());
    };
    let put = AssertUnwindSafe(|| called.put(&job.handle, &job.bytes, &job.mime));
    match catch_unwind(put) {
        Ok(stored) => {
            *store = Some(called);
            stored.map_err(|error| error.to_string())
        }
        Err(_) => Err("the media store panicked".to_owned()),
    }
}

/// The handle of bytes.
fn handle(bytes: &[u8]) -> String {
    let mut handle = String::with_capacity(71);
    handle.push_str("sha256:");
    for byte in Sha256::digest(bytes) {
        for nibble in [byte >> 4, byte & 15] {
            handle.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    handle
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_handle_is_the_sha_256_of_the_bytes() {
        assert_eq!(
            super::handle(b"abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
