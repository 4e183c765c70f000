//! Continuing runs that earlier exports carried, and carrying those that are open.

use std::collections::BTreeMap;
use std::io;

use runtrail_core::text::Text;

use super::Lake;
use super::changes::OpenRuns;
use crate::carried::{CARRIED, CarriedRun, MAX_CARRIED_BYTES, MAX_CARRIED_RUNS, write};
use crate::error::{LakeError, LakeReadError};

/// Runs that are carried.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Those that this export continues, until their first event comes.
    continued: BTreeMap<Text, CarriedRun>,
    /// Those that are carried on.
    next: Vec<CarriedRun>,
    bytes: usize,
    /// Runs that were to be carried and are too many.
    pub(super) too_many: u64,
}

impl Carried {
    fn has_room(&self, bytes: usize) -> bool {
        self.next.len() < MAX_CARRIED_RUNS && self.bytes + bytes <= MAX_CARRIED_BYTES
    }

    /// Whether runs are still to be taken up.
    pub(super) fn may_continue(&self) -> bool {
        !self.continued.is_empty()
    }

    fn keep(&mut self, run: CarriedRun) {
        self.bytes += run.state.len();
        self.next.push(run);
    }

    pub(super) fn len(&self) -> u64 {
        self.next.len() as u64
    }
}

impl Lake {
    pub(super) fn begin_carried(&mut self) {
        let continued = std::mem::take(&mut self.changes.continued);
        let continued = continued.into_iter();
        self.carried.continued = continued.map(|run| (run.request_id.clone(), run)).collect();
        for run in std::mem::take(&mut self.changes.kept) {
            self.carried.keep(run);
        }
    }

    /// Takes up a run where an earlier export left it, if it is one that was carried.
    pub(super) fn take_up(&mut self, request_id: &str) -> Result<(), LakeError> {
        match self.carried.continued.remove(request_id) {
            Some(run) => self.restore(&run),
            None => Ok(()),
        }
    }

    fn restore(&mut self, run: &CarriedRun) -> Result<(), LakeError> {
        let restored = self.fold.restore_run(&run.state);
        let damaged =
            |error| LakeReadError::damaged(CARRIED, format!("{}: {error}", run.request_id));
        restored.map(|_| ()).map_err(|error| damaged(error).into())
    }

    /// Keeps what is known of a run that is open, if such runs are carried; whether it was kept.
    pub(super) fn carry(&mut self, request_id: &str) -> bool {
        if self.changes.open_runs == OpenRuns::Truncate || !self.fold.has_open_spans(request_id) {
            return false;
        }
        let last = self.fold.so_far(request_id).map(|run| run.ended_at);
        let (Some(last), Some(state)) = (last, self.fold.save_run(request_id)) else {
            return false;
        };
        if !self.carried.has_room(state.len()) {
            self.carried.too_many += 1;
            return false;
        }
        self.carried.keep(CarriedRun {
            request_id: request_id.into(),
            last,
            state,
        });
        // What it would hand out of what is open is not true yet.
        self.fold.finish_run(request_id, &mut Vec::new());
        true
    }

    /// Closes the carried runs that are to be closed, and those that nothing came of.
    pub(super) fn close_carried(&mut self) -> Result<(), LakeError> {
        let closed = std::mem::take(&mut self.changes.closed);
        for run in closed {
            self.restore(&run)?;
            self.end_run(&run.request_id)?;
        }
        for (_, run) in std::mem::take(&mut self.carried.continued) {
            self.carried.keep(run);
        }
        Ok(())
    }

    /// Writes the runs that are carried on to a file, and returns its path; none where there are none.
    pub(super) fn publish_carried(&mut self) -> Result<Vec<String>, LakeError> {
        if self.carried.next.is_empty() {
            return Ok(Vec::new());
        }
        let staged = self.work.path().join("carried.staged");
        let mut hasher = blake3::Hasher::new();
        let mut write_all = || {
            let mut file = io::BufWriter::new(std::fs::File::create(&staged)?);
            write(&mut self.carried.next, &mut file)?;
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            hasher.update_reader(std::fs::File::open(&staged)?)?;
            Ok(())
        };
        write_all().map_err(|source| LakeError::Write {
            path: staged.clone(),
            source,
        })?;
        let path = format!("{CARRIED}/{}.jsonl", &hasher.finalize().to_hex()[..32]);
        self.work.announce(std::iter::once(path.as_str()))?;
        self.store.publish(&staged, &path)?;
        Ok(vec![path])
    }
}
