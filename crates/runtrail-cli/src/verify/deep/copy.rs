//! Replaying a lake.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use runtrail_archive::{SortOptions, Sorter};
use runtrail_core::event::TraceEvent;
use runtrail_core::text::Text;
use runtrail_parquet::{EventsRead, RunFilter, Stopped};
use runtrail_replay::verify::{RunDigester, RunKey, run_key};
use runtrail_replay::{ReplayError, Replayer};

use super::{Job, Side, proof_of, replayer};
use crate::code::Code;
use crate::failure::Failure;
use crate::verify::groups::{RowGroups, problems_of};
use crate::verify::scan::interrupted;

/// What bringing scattered runs together may take of the memory.
const SORT_SHARE: usize = 8;
/// What a run takes while it is found out which are scattered, about.
const RUN_BYTES: usize = 64;

/// The lake's side, which threads replay together.
pub(super) struct Copy<'j> {
    job: &'j Job<'j>,
    scattered: Scattered,
    found: Mutex<Found>,
}

/// The runs whose rows do not stand together.
enum Scattered {
    These(HashSet<RunKey>),
    /// There are too many runs to tell, or something could not be read.
    PerhapsAll,
}

struct Found {
    side: Side,
    /// Brings scattered runs together.
    sorter: Sorter,
    /// The runs whose rows stand together, and not in their order.
    unordered: HashSet<RunKey>,
    problems: Vec<(String, String)>,
    failure: Option<Failure>,
}

impl Scattered {
    fn of(groups: &RowGroups, limit: usize) -> Self {
        let (mut seen, mut again) = (HashSet::new(), HashSet::new());
        for (part, group) in groups.all() {
            let read = part.each_run(group, &mut |run| {
                let run = run_key(run);
                if seen.len() < limit && !seen.insert(run) {
                    again.insert(run);
                }
            });
            if read.is_err() || seen.len() >= limit {
                return Self::PerhapsAll;
            }
        }
        Self::These(again)
    }

    fn may_be(&self, run: RunKey) -> bool {
        match self {
            Self::These(runs) => runs.contains(&run),
            Self::PerhapsAll => true,
        }
    }
}

impl<'j> Copy<'j> {
    /// Finds out which runs are scattered.
    pub(super) fn of(job: &'j Job<'j>, groups: &RowGroups) -> Self {
        let memory = job.memory / SORT_SHARE;
        let sorter = Sorter::new(SortOptions {
            memory,
            keep_memory: memory,
            merge_memory: memory / 2,
            threads: 1,
            temp_dir: job.temp.map(Into::into),
        });
        Self {
            job,
            scattered: Scattered::of(groups, memory / RUN_BYTES),
            found: Mutex::new(Found {
                side: Side::new(job),
                sorter,
                unordered: HashSet::new(),
                problems: Vec::new(),
                failure: None,
            }),
        }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replays row groups until there are no more.
    pub(super) fn read(&self, groups: &RowGroups) {
        let mut digester = RunDigester::default();
        while let Some((part, group)) = groups.take() {
            let mut rows = EventsRead::default();
            let mut replay = Replay {
                copy: self,
                digester: &mut digester,
                run: None,
            };
            let read = part.read_events(group, &mut rows, &mut |events, _| {
                replay.events(&events);
            });
            replay.end_run();
            let bad_rows = rows.bad_rows.len() as u64 + rows.more_bad_rows;
            let problems = problems_of(part, read, bad_rows);
            self.found().problems.extend(problems);
        }
    }

    /// Replays what did not stand together, and returns what all comes to.
    pub(super) fn finish(self) -> Result<(Side, Vec<(String, String)>), Failure> {
        let job = self.job;
        let found = self.found.into_inner();
        let Found {
            mut side,
            mut sorter,
            unordered,
            problems,
            failure,
        } = found.unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = failure {
            return Err(failure);
        }
        if !unordered.is_empty() {
            let filter = &mut |run: &str| unordered.contains(&run_key(run));
            let read = job.lake.read_events_until(
                RunFilter::Matching(filter),
                &job.cancelled,
                &mut |events, bytes| sorter.push(events, bytes),
            );
            read.map_err(|stopped| match stopped {
                Stopped::Taker(error) => error.into(),
                Stopped::Cancelled => interrupted(),
            })?;
        }
        side.replay(&mut sorter.finish()?.with_repeats(), job)?;
        Ok((side, problems))
    }
}

/// Replays the rows of a row group.
struct Replay<'c, 'j> {
    copy: &'c Copy<'j>,
    digester: &'c mut RunDigester,
    run: Option<Run>,
}

/// The run at hand.
struct Run {
    id: Text,
    key: RunKey,
    how: How,
}

enum How {
    Replayed(Box<Replayer>),
    /// It is replayed when it has been brought together.
    Gathered,
    /// An event came that stands before one that came before.
    Unordered,
    Failed(ReplayError),
}

impl Replay<'_, '_> {
    /// Takes the next events of the row group.
    fn events(&mut self, events: &[TraceEvent]) {
        for events in events.chunk_by(|one, next| one.request_id == next.request_id) {
            self.stretch(events);
        }
    }

    /// Takes events of one run.
    fn stretch(&mut self, events: &[TraceEvent]) {
        let Some(first) = events.first() else { return };
        let goes_on = |run: &Run| run.id == first.request_id;
        if !self.run.as_ref().is_some_and(goes_on) {
            self.end_run();
        }
        let run = self.run.get_or_insert_with(|| {
            let key = run_key(&first.request_id);
            let scattered = self.copy.scattered.may_be(key);
            Run {
                id: first.request_id.detached(),
                key,
                how: if scattered {
                    How::Gathered
                } else {
                    How::Replayed(Box::new(replayer()))
                },
            }
        });
        for event in events {
            let How::Replayed(replayer) = &mut run.how else {
                break;
            };
            self.digester.event(event);
            if let Err(error) = replayer.push(event) {
                run.how = match error {
                    ReplayError::Late { .. } => How::Unordered,
                    error => How::Failed(error),
                };
            }
        }
        if matches!(run.how, How::Gathered) {
            let copies = TraceEvent::detached_together(events.iter());
            let bytes = copies.iter().map(TraceEvent::text_bytes).sum();
            let mut found = self.copy.found();
            if let Err(error) = found.sorter.push(copies, bytes) {
                found.failure.get_or_insert(error.into());
            }
        }
    }

    /// Adds up what the run at hand came to.
    fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        let job = self.copy.job;
        let events = self.digester.finish(run.key);
        // Ending a replay takes a while, and other threads have runs to end too.
        let (proof, is_unordered) = match run.how {
            How::Replayed(replayer) => (proof_of(*replayer).map(Some), false),
            How::Gathered => (Ok(None), false),
            How::Unordered => (Ok(None), true),
            How::Failed(error) => (Err(Failure::of(Code::Io, &error)), false),
        };
        let mut found = self.copy.found();
        let Found {
            side, unordered, ..
        } = &mut *found;
        if is_unordered {
            unordered.insert(run.key);
        }
        let added = proof.and_then(|proof| match proof {
            Some(proof) => side
                .add_events(job, run.key, &events)
                .and_then(|()| side.add_replay(job, &run.id, proof)),
            None => Ok(()),
        });
        if let Err(failure) = added {
            found.failure.get_or_insert(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use runtrail_archive::ReadOptions;
    use runtrail_parquet::LakeReader;
    use runtrail_replay::verify::RunSum;

    use super::*;
    use crate::verify::Depth;
    use crate::verify::selftest::{export, lines};

    /// What the lake comes to, given how much may be known of its runs.
    fn sums(lake: &LakeReader, limit: usize, read: fn(&Copy<'_>, &RowGroups)) -> [RunSum; 2] {
        let job = Job {
            sources: &[],
            lake,
            depth: Depth::Replays,
            read: ReadOptions::default(),
            memory: 8 << 20,
            temp: None,
            cancelled: Arc::default(),
        };
        let groups = RowGroups::open(&job);
        let copy = Copy {
            scattered: Scattered::of(&groups, limit),
            ..Copy::of(&job, &groups)
        };
        read(&copy, &groups);
        let Ok((side, problems)) = copy.finish() else {
            panic!("the lake cannot be replayed");
        };
        assert_eq!(problems, []);
        [side.events.total(), side.replays.total()]
    }

    /// Replays every row group from its end to its beginning.
    fn backwards(copy: &Copy<'_>, groups: &RowGroups) {
        let mut digester = RunDigester::default();
        while let Some((part, group)) = groups.take() {
            let mut all = Vec::new();
            let mut rows = EventsRead::default();
            let mut keep = |mut events: Vec<TraceEvent>, _| all.append(&mut events);
            part.read_events(group, &mut rows, &mut keep).unwrap();
            all.reverse();
            let mut replay = Replay {
                copy,
                digester: &mut digester,
                run: None,
            };
            replay.events(&all);
            replay.end_run();
        }
        assert_eq!(copy.found().unordered.len(), 2);
    }

    #[test]
    fn a_replay_is_the_same_however_the_rows_of_a_run_stand() {
        let folder = tempfile::tempdir().unwrap();
        let mut both = lines();
        both.extend(lines().iter().map(|line| line.replace("self-test", "test")));
        let lake = export(&both, &folder.path().join("lake")).unwrap();
        let forwards = |copy: &Copy<'_>, groups: &RowGroups| copy.read(groups);
        let together = sums(&lake, usize::MAX, forwards);
        assert_eq!(together.map(|sum| sum.events), [24, 2]);
        assert_eq!(sums(&lake, 0, forwards), together);
        assert_eq!(sums(&lake, usize::MAX, backwards), together);
    }
}
