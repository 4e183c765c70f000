//! Replaying both sides, and comparing the checksums of every run.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use runtrail_archive::{Archive, SortOptions};
use runtrail_core::text::Text;
use runtrail_replay::verify::{
    Finding, Findings, Outcome, RunKey, RunSums, compare as compare_sums, run_key,
};
use runtrail_replay::{Projections, ReplayOptions, Replayer};

use super::{Job, Verified};
use crate::code::Code;
use crate::failure::Failure;
use crate::load::open_lake;

/// Runs that are named by their ids: those of the source are looked up when they differ.
const MAX_NAMES: usize = 10_000;

/// Replays all runs of both sides.
pub(super) fn compare(job: &Job<'_>, verified: &mut Verified) -> Result<(), Failure> {
    let lake = job.lake.root().display().to_string();
    let source = replay_side(job, job.sources, &mut verified.findings)?;
    let copy = replay_side(job, &[lake], &mut verified.findings)?;
    let compared = source
        .into_sorted()
        .and_then(|source| Ok((source, copy.into_sorted()?)))
        .and_then(|(source, copy)| compare_sums(source, copy));
    let compared = compared.map_err(|error| super::scan::temp_failed(job, &error))?;
    verified.replays_matching = compared.matching;
    let known = verified
        .findings
        .listed
        .iter()
        .filter_map(|finding| finding.run.as_deref());
    let known: std::collections::HashSet<RunKey> = known.map(run_key).collect();
    // A run of which the events differ has been told already, and so has one that a side lacks.
    let both = compared.differing.iter();
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

/// Replays the runs of one side; each has one digest, its checksum's.
fn replay_side(
    job: &Job<'_>,
    sources: &[String],
    findings: &mut Findings,
) -> Result<RunSums, Failure> {
    let mut sums = RunSums::new(job.memory / 8, job.temp.map(Into::into));
    let archive = Archive::open_with(sources, &open_lake)?.careful();
    let sort = SortOptions {
        memory: job.memory / 2,
        keep_memory: job.memory / 2,
        merge_memory: job.memory / 16,
        threads: 1,
        temp_dir: job.temp.map(Into::into),
    };
    let mut sorted = archive.sorted(job.read, sort)?;
    let mut replayer: Option<Replayer> = None;
    while let Some(batch) = sorted.next_batch()? {
        if job.cancelled.load(Ordering::Relaxed) {
            return Err(super::scan::interrupted());
        }
        for (events, ended) in batch.stretches() {
            for event in events {
                let replayer = replayer.get_or_insert_with(|| {
                    Replayer::new(Projections::all(), ReplayOptions::default())
                });
                replayer
                    .push(event)
                    .map_err(|error| Failure::of(Code::Io, &error))?;
            }
            if let (Some(run), Some(replayer)) = (ended, replayer.take_if(|_| ended.is_some())) {
                end_run(job, run, replayer, &mut sums, findings)?;
            }
        }
    }
    Ok(sums)
}

fn end_run(
    job: &Job<'_>,
    run: &str,
    replayer: Replayer,
    sums: &mut RunSums,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let end = replayer
        .finish()
        .map_err(|error| Failure::of(Code::Io, &error))?;
    match end.checksum() {
        Ok(checksum) => sums
            .add(run_key(run), checksum.digest())
            .map_err(|error| super::scan::temp_failed(job, &error)),
        Err(limited) => {
            findings.add(Finding::new(Outcome::Limited, limited.to_string()).run(run));
            Ok(())
        }
    }
}

/// The ids of runs, which sums do not keep.
fn names_of(job: &Job<'_>, wanted: &[RunKey]) -> Result<HashMap<RunKey, Text>, Failure> {
    let mut names: HashMap<RunKey, Text> = HashMap::new();
    let mut archive = Archive::open_with(job.sources, &open_lake)?;
    let wanted: std::collections::HashSet<&RunKey> = wanted.iter().take(MAX_NAMES).collect();
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
