//! Going on with an export that was cut off, where what it had done is known run by run.

use std::path::{Path, PathBuf};
use std::time::Instant;

use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, Exporter, RunEnd};
use runtrail_journal::{ChunkCompleted, Entry, Journal, State, list};

use super::PATIENCE;
use super::journal::ExportJournal;
use crate::failure::Failure;

/// Runs and bytes of content after which an exporter is asked to make sure of them: what an export that is
/// cut off has to do again.
const CHUNK_RUNS: u64 = 256;
const CHUNK_BYTES: usize = 8 << 20;

/// What begins the name of a chunk; its last run follows.
const CHUNK: &str = "runs to ";

/// Hands over the runs that were not acknowledged before, chunk by chunk.
///
/// The order of runs is that of the archive alone, so the first so many runs are the same each time.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    /// Runs that an earlier attempt saw acknowledged.
    before: u64,
    /// Runs that have ended so far.
    ended: u64,
    /// Events of the runs that were acknowledged before.
    pub(crate) events_before: u64,
    since: Since,
}

/// What has been handed over since the last chunk was completed.
#[derive(Debug, Default)]
struct Since {
    runs: u64,
    events: u64,
    bytes: usize,
}

impl Chunks {
    /// Begins after the runs that an earlier attempt at the same export saw acknowledged.
    pub(super) fn after(runs: u64) -> Self {
        Self {
            before: runs,
            ..Self::default()
        }
    }

    /// Returns the runs that were acknowledged before, as far as they have come.
    pub(crate) fn runs_before(&self) -> u64 {
        self.before.min(self.ended)
    }

    /// Takes the next events, and hands over those that are not done.
    pub(super) fn take(
        &mut self,
        batch: &Batch,
        exporter: &mut dyn Exporter,
        journal: &mut ExportJournal,
    ) -> Result<(), Failure> {
        if self.ended >= self.before {
            self.count(batch);
            exporter.export(batch)?;
        } else if let Some(rest) = self.rest_of(batch) {
            self.count(&rest);
            exporter.export(&rest)?;
        }
        if self.since.runs >= CHUNK_RUNS || self.since.bytes >= CHUNK_BYTES {
            self.complete(exporter, journal)?;
        }
        Ok(())
    }

    fn count(&mut self, batch: &Batch) {
        let runs = batch.ended().len() as u64;
        self.ended += runs;
        self.since.runs += runs;
        self.since.events += batch.events().len() as u64;
        let bytes = batch.events().iter().map(TraceEvent::text_bytes);
        self.since.bytes += bytes.sum::<usize>();
    }

    /// The part of a batch that comes after the runs which are done.
    fn rest_of(&mut self, batch: &Batch) -> Option<Batch> {
        let left = (self.before - self.ended) as usize;
        let done = batch.ended().len().min(left);
        let is_over = done == left;
        let from = match batch.ended().get(done.wrapping_sub(1)) {
            Some(last) if is_over => last.after,
            _ => batch.events().len(),
        };
        self.ended += done as u64;
        self.events_before += from as u64;
        if !is_over {
            return None;
        }
        let ended = batch.ended().iter().skip(done).map(|end| RunEnd {
            request_id: end.request_id.clone(),
            after: end.after - from,
        });
        let events = batch.events().get(from..).unwrap_or_default();
        Some(Batch::new(events.to_vec(), ended.collect::<Vec<_>>()))
    }

    fn complete(
        &mut self,
        exporter: &mut dyn Exporter,
        journal: &mut ExportJournal,
    ) -> Result<(), Failure> {
        if !journal.is_kept() || self.since.runs == 0 {
            return Ok(());
        }
        exporter.flush(Instant::now() + PATIENCE)?;
        let since = std::mem::take(&mut self.since);
        journal.say(ChunkCompleted {
            chunk: format!("{CHUNK}{}", self.ended),
            attempt: 1,
            rows: since.events,
        })
    }
}

/// Returns how many runs the latest attempt at an export saw acknowledged, if it was the same export by its
/// plan and did not come to its end.
pub(super) fn acknowledged(folder: &Path, plan: &str) -> u64 {
    let latest: Option<PathBuf> = list(folder)
        .ok()
        .and_then(|mut journals| journals.pop())
        .map(|latest| latest.path().to_owned());
    let Some(Ok(journal)) = latest.map(Journal::read) else {
        return 0;
    };
    let same = journal
        .plan_snapshot()
        .is_some_and(|snapshot| snapshot.as_json() == plan);
    if !same || matches!(journal.state(), State::Completed | State::Running) {
        return 0;
    }
    let runs = journal.entries().filter_map(|entry| match entry {
        Entry::ChunkCompleted(done) => done.chunk.strip_prefix(CHUNK)?.parse().ok(),
        _ => None,
    });
    runs.max().unwrap_or(0)
}

/// Says that runs of an earlier attempt are done, so that what follows counts from there.
pub(super) fn recall(journal: &mut ExportJournal, runs: u64) -> Result<(), Failure> {
    if runs == 0 {
        return Ok(());
    }
    journal.say(ChunkCompleted {
        chunk: format!("{CHUNK}{runs}"),
        attempt: 1,
        rows: 0,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use runtrail_core::export::ExportError;
    use runtrail_testkit::run::RunBuilder;

    use super::*;

    /// Notes the runs that it is handed, and what was flushed.
    #[derive(Debug, Clone, Default)]
    struct Noting(Arc<Mutex<Vec<String>>>);

    impl Exporter for Noting {
        fn name(&self) -> &'static str {
            "noting"
        }

        fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
            let mut noted = self.0.lock().unwrap();
            for (events, ended) in batch.stretches() {
                noted.push(format!("{}{}", events.len(), ended.map_or("", |id| id)));
            }
            Ok(())
        }

        fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
            self.0.lock().unwrap().push("flush".to_owned());
            Ok(())
        }

        fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
            Ok(())
        }
    }

    /// Four runs of two events, cut into batches after so many events.
    fn batches(cuts: &[usize]) -> Vec<Batch> {
        let mut events = Vec::new();
        let mut ends = Vec::new();
        for name in ["a", "b", "c", "d"] {
            let mut run = RunBuilder::new(name);
            run.push("op_start", Some("x"), &[], "{}");
            run.push("op_end", Some("x"), &[], "{}");
            events.extend(run.into_events());
            ends.push((name, events.len()));
        }
        let bounds: Vec<usize> = std::iter::once(0)
            .chain(cuts.iter().copied())
            .chain([events.len()])
            .collect();
        bounds
            .windows(2)
            .map(|bound| {
                let ended = ends
                    .iter()
                    .filter(|(_, at)| bound[0] < *at && *at <= bound[1]);
                let ended = ended.map(|(name, at)| RunEnd {
                    request_id: (*name).into(),
                    after: at - bound[0],
                });
                Batch::new(
                    events[bound[0]..bound[1]].to_vec(),
                    ended.collect::<Vec<_>>(),
                )
            })
            .collect()
    }

    #[test]
    fn what_is_done_is_left_out_wherever_batches_end() {
        for done in 0..=4 {
            for cuts in [
                vec![],
                vec![1],
                vec![2],
                vec![3, 5],
                vec![1, 2, 3, 4, 5, 6, 7],
            ] {
                let noting = Noting::default();
                let mut chunks = Chunks::after(done);
                let mut exporter = noting.clone();
                for batch in batches(&cuts) {
                    let journal = &mut ExportJournal::default();
                    chunks.take(&batch, &mut exporter, journal).unwrap();
                }
                let noted = noting.0.lock().unwrap();
                let handed: u64 = noted
                    .iter()
                    .map(|stretch| stretch[..1].parse::<u64>().unwrap())
                    .sum();
                assert_eq!(handed, 2 * (4 - done), "{done}, {cuts:?}: {noted:?}");
                assert_eq!(chunks.events_before, 2 * done);
                assert_eq!(chunks.runs_before(), done);
                let ended: String = noted.iter().map(|stretch| &stretch[1..]).collect();
                assert_eq!(ended, "abcd"[done as usize..], "{done}, {cuts:?}");
            }
        }
    }
}
