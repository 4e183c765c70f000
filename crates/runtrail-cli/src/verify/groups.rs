//! The row groups of a lake's events, which threads take one after another while the sources are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use runtrail_parquet::{EventPart, LakeReadError, Table};

use super::Job;
use crate::code::Code;
use crate::failure::Failure;

/// The row groups of the parts that could be opened.
pub(super) struct RowGroups {
    parts: Vec<EventPart>,
    /// Part and row group.
    groups: Vec<(usize, usize)>,
    next: AtomicUsize,
    cancelled: Arc<AtomicBool>,
    problems: Vec<(String, String)>,
}

impl RowGroups {
    pub(super) fn open(job: &Job<'_>) -> Self {
        let mut problems = Vec::new();
        let mut parts = Vec::new();
        for listed in job.lake.listing().parts_of(Table::Events) {
            match job.lake.open_part(listed) {
                Ok(part) => parts.push(part),
                // A footer that cannot be read has been told already.
                Err(error @ LakeReadError::Form { .. }) => {
                    problems.push((listed.path.clone(), error.reason()));
                }
                Err(_) => {}
            }
        }
        let groups = parts.iter().enumerate();
        let groups =
            groups.flat_map(|(at, part)| (0..part.row_groups()).map(move |group| (at, group)));
        Self {
            groups: groups.collect(),
            parts,
            next: AtomicUsize::new(0),
            cancelled: Arc::clone(&job.cancelled),
            problems,
        }
    }

    /// Returns all of them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&EventPart, usize)> {
        let groups = self.groups.iter();
        groups.filter_map(|(part, group)| Some((self.parts.get(*part)?, *group)))
    }

    /// Takes the next that nobody has taken; `None` where there are no more, or reading was called off.
    pub(super) fn take(&self) -> Option<(&EventPart, usize)> {
        let (part, group) = *self.groups.get(self.next.fetch_add(1, Ordering::Relaxed))?;
        let cancelled = self.cancelled.load(Ordering::Relaxed);
        self.parts
            .get(part)
            .filter(|_| !cancelled)
            .map(|part| (part, group))
    }

    /// Reads the sources here, and the row groups on as many threads as are half of those that may be used.
    pub(super) fn read_beside<T>(
        &self,
        job: &Job<'_>,
        read: &(dyn Fn(&Self) + Sync),
        sources: &mut dyn FnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..job.read.threads.div_ceil(2))
                .map(|_| scope.spawn(|| read(self)))
                .collect();
            let source = sources();
            if source.is_err() {
                self.next.store(usize::MAX / 2, Ordering::Relaxed);
            }
            let ended = readers.into_iter().map(std::thread::ScopedJoinHandle::join);
            if ended.filter(Result::is_err).count() > 0 {
                return Err(Failure::new(
                    Code::Io,
                    "a thread that read the lake panicked",
                ));
            }
            source
        })
    }

    /// Returns the parts that could not be opened, and why.
    pub(super) fn into_problems(self) -> Vec<(String, String)> {
        self.problems
    }
}

/// What reading a row group did not give.
pub(super) fn problems_of(
    part: &EventPart,
    read: Result<(), LakeReadError>,
    bad_rows: u64,
) -> impl Iterator<Item = (String, String)> {
    let unread = read.err().map(|error| error.reason());
    let bad = (bad_rows > 0).then(|| format!("{bad_rows} rows hold no event"));
    let path = part.path().to_owned();
    let problems = unread.into_iter().chain(bad);
    problems.map(move |what| (path.clone(), what))
}
