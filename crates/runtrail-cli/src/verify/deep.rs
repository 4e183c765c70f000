//! Replaying both sides while they are read, and comparing the checksums of every run.
//!
//! Each side is read once, which gives a digest of each run's events as well: one of all of them, since they
//! come in order, and not a sum of one of each. The sources hand out run by run, in
//! order. So do the row groups of a lake: a run whose rows stand together is replayed as they are read, and
//! only one that is scattered over row groups, such as one that crossed two exports, is brought together
//! first.

mod copy;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use runtrail_archive::{Archive, ArchiveError, SortOptions, Sorted};
use runtrail_core::event::TraceEvent;
use runtrail_core::text::Text;
use runtrail_replay::verify::{
    Comparison, Differing, Finding, Findings, Outcome, RunDigester, RunKey, RunSum, RunSums,
    run_key,
};
use runtrail_replay::{Checksum, Limited, Projections, ReplayError, ReplayOptions, Replayer};

use super::groups::RowGroups;
use super::parts::Suspects;
use super::scan::{compared, interrupted, note_report, settle, temp_failed};
use super::unread::Unread;
use super::{Job, Verified};
use crate::code::Code;
use crate::failure::Failure;
use crate::load::open_lake;

/// Runs that are named by their ids: those of the source are looked up when they differ.
const MAX_NAMES: usize = 10_000;
/// What each of the sums may take of the memory: four are held when they are compared.
const SUMS_SHARE: usize = 16;
/// What bringing the sources into order may take.
const ORDER_SHARE: usize = 2;

/// What reading both sides came to.
pub(super) struct Compared {
    /// The runs whose events differ.
    pub(super) differing: HashMap<RunKey, Differing>,
    pub(super) replays: Comparison,
}

/// Reads and replays both sides.
pub(super) fn compare(
    job: &Job<'_>,
    verified: &mut Verified,
    suspects: &mut Suspects,
) -> Result<Compared, Failure> {
    let groups = RowGroups::open(job);
    let copy = copy::Copy::of(job, &groups);
    let source = groups.read_beside(job, &|groups| copy.read(groups), &mut || {
        source_side(job, verified)
    })?;
    let (copy, mut problems) = copy.finish()?;
    problems.extend(groups.into_problems());
    verified.findings.append(source.limited);
    verified.findings.append(copy.limited);
    let sums = (source.events, copy.events);
    let differing = settle(job, sums, problems, verified, suspects)?;
    let replays = compared(job, source.replays, copy.replays)?;
    verified.replays_matching = replays.matching;
    Ok(Compared { differing, replays })
}

/// Names the runs whose replays differ, and of which nothing else has been told.
pub(super) fn tell(
    job: &Job<'_>,
    replays: &Comparison,
    verified: &mut Verified,
) -> Result<(), Failure> {
    let listed = verified.findings.listed.iter();
    let known = listed.filter_map(|finding| finding.run.as_deref());
    let known: HashSet<RunKey> = known.map(run_key).collect();
    // A run of which the events differ has been told already, and so has one that a side lacks.
    let both = replays.differing.iter();
    let both = both.filter(|(_, sides)| sides.source > 0 && sides.copy > 0);
    let unknown = both.map(|(run, _)| run).filter(|run| !known.contains(run));
    let unknown: Vec<RunKey> = unknown.copied().collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let names = names_of(job, &unknown)?;
    for run in unknown {
        let what = "its replays from the sources and from the lake have different checksums";
        let finding = Finding::new(Outcome::Payload, what);
        let name = names.get(&run).map(ToString::to_string);
        verified.findings.add(Finding {
            run: name,
            ..finding
        });
    }
    Ok(())
}

/// What one side comes to.
struct Side {
    /// The digest of each run's events.
    events: RunSums,
    /// The checksum of each run's replay.
    replays: RunSums,
    /// The runs whose replay has none.
    limited: Findings,
}

impl Side {
    fn new(job: &Job<'_>) -> Self {
        let sums = || RunSums::new(job.memory / SUMS_SHARE, job.temp.map(Into::into));
        Self {
            events: sums(),
            replays: sums(),
            limited: Findings::default(),
        }
    }

    /// Replays runs that come in order, and adds what they and their events come to.
    fn replay(&mut self, sorted: &mut Sorted<'_>, job: &Job<'_>) -> Result<(), Stop> {
        let mut digester = RunDigester::default();
        replay_each(sorted, job, &mut |step| match step {
            Step::Event(event) => {
                digester.event(event);
                Ok(())
            }
            Step::End(run, proof) => {
                let key = run_key(run);
                self.add_events(job, key, &digester.finish(key))?;
                self.add_replay(job, run, proof)
            }
        })
    }

    /// Adds what a run's events came to.
    fn add_events(&mut self, job: &Job<'_>, run: RunKey, events: &RunSum) -> Result<(), Failure> {
        let added = self.events.add_sum(run, events);
        added.map_err(|error| temp_failed(job, &error))
    }

    /// Adds what a run's replay came to.
    fn add_replay(&mut self, job: &Job<'_>, run: &str, proof: Proof) -> Result<(), Failure> {
        match proof {
            Ok(checksum) => {
                let added = self.replays.add(run_key(run), checksum.digest());
                added.map_err(|error| temp_failed(job, &error))
            }
            Err(limited) => {
                let finding = Finding::new(Outcome::Limited, limited.to_string());
                self.limited.add(finding.run(run));
                Ok(())
            }
        }
    }
}

/// What a replay proves: its checksum, or nothing.
type Proof = Result<Checksum, Limited>;

fn proof_of(replayer: Replayer) -> Result<Proof, Failure> {
    let end = replayer.finish();
    end.map(|end| end.checksum())
        .map_err(|error| Failure::of(Code::Io, &error))
}

fn replayer() -> Replayer {
    Replayer::new(Projections::all(), ReplayOptions::default())
}

/// Reads and replays the sources.
fn source_side(job: &Job<'_>, verified: &mut Verified) -> Result<Side, Failure> {
    let open = || Archive::open_with(job.sources, &open_lake).map(Archive::with_repeats);
    match read_sources(job, open()?, verified) {
        Err(Stop::Changed) => read_sources(job, open()?.careful(), verified).map_err(Into::into),
        other => other.map_err(Into::into),
    }
}

/// Why reading the sources ended.
enum Stop {
    /// They are not what they seemed at a first look.
    Changed,
    Failed(Failure),
}

impl From<ArchiveError> for Stop {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Changed => Self::Changed,
            error => Self::Failed(error.into()),
        }
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Changed => ArchiveError::Changed.into(),
            Stop::Failed(failure) => failure,
        }
    }
}

fn read_sources(
    job: &Job<'_>,
    archive: Archive<'_>,
    verified: &mut Verified,
) -> Result<Side, Stop> {
    let sort = SortOptions {
        memory: job.memory / ORDER_SHARE,
        keep_memory: job.memory / ORDER_SHARE,
        merge_memory: job.memory / SUMS_SHARE,
        threads: 1,
        temp_dir: job.temp.map(Into::into),
    };
    let unread = RefCell::new(Unread::default());
    let archive = archive.on_reject(|reject| {
        unread.borrow_mut().note(reject);
        Ok(())
    });
    let mut sorted = archive.sorted(job.read, sort)?;
    let mut side = Side::new(job);
    side.replay(&mut sorted, job)?;
    let report = sorted.report().clone();
    drop(sorted);
    note_report(&report, unread.into_inner(), verified);
    Ok(side)
}

/// What comes next of events in order.
enum Step<'s> {
    Event(&'s TraceEvent),
    /// A run has ended, and its replay came to this.
    End(&'s str, Proof),
}

/// Replays runs that come in order, one after another.
fn replay_each(
    sorted: &mut Sorted<'_>,
    job: &Job<'_>,
    step: &mut dyn FnMut(Step<'_>) -> Result<(), Failure>,
) -> Result<(), Stop> {
    let mut open: Option<Replayer> = None;
    let replaying = |error: ReplayError| Stop::Failed(Failure::of(Code::Io, &error));
    while let Some(batch) = sorted.next_batch()? {
        if job.cancelled.load(Ordering::Relaxed) {
            return Err(Stop::Failed(interrupted()));
        }
        for (events, ended) in batch.stretches() {
            let run = open.get_or_insert_with(replayer);
            for event in events {
                step(Step::Event(event)).map_err(Stop::Failed)?;
                run.push(event).map_err(replaying)?;
            }
            if let Some(id) = ended
                && let Some(run) = open.take()
            {
                let proof = proof_of(run).map_err(Stop::Failed)?;
                step(Step::End(id, proof)).map_err(Stop::Failed)?;
            }
        }
    }
    Ok(())
}

/// The ids of runs, which sums do not keep.
fn names_of(job: &Job<'_>, wanted: &[RunKey]) -> Result<HashMap<RunKey, Text>, Failure> {
    let mut names: HashMap<RunKey, Text> = HashMap::new();
    let mut archive = Archive::open_with(job.sources, &open_lake)?;
    let wanted: HashSet<&RunKey> = wanted.iter().take(MAX_NAMES).collect();
    archive.read(job.read, &mut |event| {
        let key = run_key(&event.request_id);
        if wanted.contains(&key) {
            names
                .entry(key)
                .or_insert_with(|| event.request_id.detached());
        }
    })?;
    Ok(names)
}
