//! Reading both sides once, and adding up what they hold.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use runtrail_archive::{ArchiveError, Progress, ReadReport, Reader, Reject, Sink, resolve_with};
use runtrail_core::event::TraceEvent;
use runtrail_parquet::EventRow;
use runtrail_replay::verify::{
    Comparison, Differing, EventContent, EventDigester, Finding, Outcome, RunKey, RunSum, RunSums,
    compare as compare_sums, run_key,
};

use super::groups::{RowGroups, problems_of};
use super::parts::Suspects;
use super::unread::Unread;
use super::{Job, Verified};
use crate::code::Code;
use crate::failure::Failure;
use crate::load::open_lake;

/// What each side's sums may take of the memory: both are held when they are compared.
const SHARE: usize = 4;

/// Compares the sums of both sides; returns the runs that differ.
pub(super) fn compare(
    job: &Job<'_>,
    verified: &mut Verified,
    suspects: &mut Suspects,
) -> Result<HashMap<RunKey, Differing>, Failure> {
    let groups = RowGroups::open(job);
    let found = Mutex::new(Found {
        sums: RunSums::new(job.memory / SHARE, job.temp.map(Into::into)),
        problems: Vec::new(),
        failure: None,
    });
    let source = groups.read_beside(job, &|groups| read_groups(groups, &found), &mut || {
        source_sums(job, verified)
    })?;
    let Found {
        sums: copy,
        mut problems,
        failure,
    } = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = failure {
        return Err(temp_failed(job, &error));
    }
    problems.extend(groups.into_problems());
    settle(job, (source, copy), problems, verified, suspects)
}

/// Tells what could not be read of the lake, and compares the sums of both sides; returns the runs that
/// differ.
pub(super) fn settle(
    job: &Job<'_>,
    (source, copy): (RunSums, RunSums),
    problems: Vec<(String, String)>,
    verified: &mut Verified,
    suspects: &mut Suspects,
) -> Result<HashMap<RunKey, Differing>, Failure> {
    for (part, what) in problems {
        suspects.unread.push(part.clone());
        verified
            .findings
            .add(Finding::new(Outcome::Unreadable, what).part(part));
    }
    suspects.unread.sort_unstable();
    suspects.unread.dedup();
    if job.cancelled.load(Ordering::Relaxed) {
        return Err(interrupted());
    }
    (verified.source, verified.lake) = (source.total(), copy.total());
    let compared = compared(job, source, copy)?;
    verified.runs_matching = compared.matching;
    if compared.more_differing > 0 {
        let what = format!(
            "{} more runs differ than are looked at closely",
            compared.more_differing
        );
        verified.findings.add(Finding::new(Outcome::Count, what));
    }
    Ok(compared.differing)
}

/// Compares the sums of two sides.
pub(super) fn compared(
    job: &Job<'_>,
    source: RunSums,
    copy: RunSums,
) -> Result<Comparison, Failure> {
    source
        .into_sorted()
        .and_then(|source| Ok((source, copy.into_sorted()?)))
        .and_then(|(source, copy)| compare_sums(source, copy))
        .map_err(|error| temp_failed(job, &error))
}

pub(super) fn interrupted() -> Failure {
    Failure::new(
        Code::Interrupted,
        "interrupted before everything was compared",
    )
}

pub(super) fn temp_failed(job: &Job<'_>, error: &io::Error) -> Failure {
    let folder = job
        .temp
        .map_or_else(std::env::temp_dir, std::path::Path::to_owned);
    Failure::path("use temporary space in", &folder, error)
}

fn source_sums(job: &Job<'_>, verified: &mut Verified) -> Result<RunSums, Failure> {
    let sources = resolve_with(job.sources, &open_lake)?;
    let progress = Progress {
        cancelled: Arc::clone(&job.cancelled),
        ..Progress::default()
    };
    let mut adding = Adding {
        sums: RunSums::new(job.memory / SHARE, job.temp.map(Into::into)),
        digester: EventDigester::default(),
        last: (String::new(), run_key("")),
        folder: job.temp.map_or_else(std::env::temp_dir, Into::into),
        unread: Unread::default(),
    };
    let mut reader = Reader::new(job.read, &progress);
    for input in &sources.inputs {
        reader.read(input, &mut adding)?;
        if job.cancelled.load(Ordering::Relaxed) {
            return Err(interrupted());
        }
    }
    let Adding { sums, unread, .. } = adding;
    note_report(&reader.finish(), unread, verified);
    Ok(sums)
}

/// Notes what of the sources is no event, or could not be read.
pub(super) fn note_report(report: &ReadReport, mut unread: Unread, verified: &mut Verified) {
    verified.rejected = report.rejected();
    unread.ended(report);
    verified.unread = unread;
}

/// Adds up the events of the sources.
struct Adding {
    sums: RunSums,
    digester: EventDigester,
    /// The latest run: the next event is often of the same.
    last: (String, RunKey),
    folder: std::path::PathBuf,
    unread: Unread,
}

impl Sink for Adding {
    fn only(&self) -> Option<&str> {
        None
    }

    fn wants(&mut self, _request_id: &str) -> bool {
        true
    }

    fn events(&mut self, events: Vec<TraceEvent>, _bytes: usize) -> Result<(), ArchiveError> {
        for event in &events {
            if event.request_id != *self.last.0 {
                self.last = (event.request_id.to_string(), run_key(&event.request_id));
            }
            let digest = self.digester.event(self.last.1, event);
            let added = self.sums.add(self.last.1, &digest);
            added.map_err(|source| ArchiveError::Temp {
                dir: self.folder.clone(),
                source,
            })?;
        }
        Ok(())
    }

    fn reject(&mut self, reject: Reject) -> Result<(), ArchiveError> {
        self.unread.note(&reject);
        Ok(())
    }
}

/// The lake's side.
struct Found {
    sums: RunSums,
    problems: Vec<(String, String)>,
    failure: Option<io::Error>,
}

/// Adds up row groups until there are no more.
fn read_groups(groups: &RowGroups, found: &Mutex<Found>) {
    let mut digester = EventDigester::default();
    while let Some((part, group)) = groups.take() {
        let mut rows = GroupSums::default();
        let read = part.read_rows(group, &mut |row| rows.add(row, &mut digester));
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        let problems = problems_of(part, read, rows.incomplete);
        found.problems.extend(problems);
        for (run, sum) in rows.runs {
            if let Err(error) = found.sums.add_sum(run, &sum) {
                found.failure = Some(error);
            }
        }
    }
}

/// The sums of a row group, whose rows mostly come run by run.
#[derive(Default)]
struct GroupSums {
    runs: Vec<(RunKey, RunSum)>,
    last: String,
    incomplete: u64,
}

impl GroupSums {
    fn add(&mut self, row: &EventRow<'_>, digester: &mut EventDigester) -> bool {
        if !row.complete {
            self.incomplete += 1;
            return true;
        }
        if self.runs.is_empty() || self.last != row.request_id {
            row.request_id.clone_into(&mut self.last);
            self.runs.push((run_key(row.request_id), RunSum::default()));
        }
        if let Some((run, sum)) = self.runs.last_mut() {
            let content = EventContent {
                event_id: row.event_id,
                kind: row.kind,
                op_name: row.op_name,
                ctx: row.ctx.iter().copied(),
                timestamp: row.timestamp,
                seq: row.seq,
                payload: row.payload,
                extra: row.extra,
            };
            sum.add(&RunSum::of(&digester.digest(*run, content)));
        }
        true
    }
}
