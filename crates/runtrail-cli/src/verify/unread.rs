//! What of the sources is no event: whether the lake's exports found the same, and what may stand there.
//!
//! A line that is not an event was compared if an export found no event in it either, which the log counts
//! by reason. What a limit left out, and what follows the place where a file is damaged, was not compared
//! whatever the log says: there are events in it.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use runtrail_archive::{FileStart, ReadReport, Reject, RejectReason};
use runtrail_core::wire::WireErrorKind;
use runtrail_replay::verify::{Finding, Findings, Outcome};

use super::Job;
use crate::human;

/// What was found of it, by source.
#[derive(Debug, Default)]
pub(super) struct Unread {
    files: BTreeMap<String, Tallies>,
    /// Sources that could not be opened, or not be read to their end, and why.
    failed: Vec<(String, String)>,
}

/// How often it was found, by the reason's code.
type Tallies = BTreeMap<&'static str, Tally>;

#[derive(Debug)]
struct Tally {
    kind: Kind,
    /// What the first of them says.
    why: String,
    count: u64,
    /// How many events may stand there, at most.
    events: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Something that is no event.
    Line,
    /// Something that a limit of reading left out.
    Limited,
    /// The place from which on nothing could be read.
    Cut,
}

/// What may stand where nothing could be compared.
#[derive(Debug, Default)]
pub(super) struct Gap {
    /// How many events, at most.
    pub(super) events: u64,
    /// What became of them.
    pub(super) outcome: Option<Outcome>,
}

impl Unread {
    /// Takes note of something that was read and is no event.
    pub(super) fn note(&mut self, reject: &Reject) {
        if !self.files.contains_key(&reject.file) {
            self.files.insert(reject.file.clone(), Tallies::new());
        }
        let Some(tallies) = self.files.get_mut(&reject.file) else {
            return;
        };
        let reason = &reject.reason;
        let tally = tallies.entry(reason.code()).or_insert_with(|| Tally {
            kind: kind_of(reason),
            why: reason.to_string(),
            count: 0,
            events: 0,
        });
        tally.count += 1;
        tally.events = tally.events.saturating_add(most_events_in(reason));
    }

    /// Takes note of the sources that could not be read to their end.
    pub(super) fn ended(&mut self, report: &ReadReport) {
        self.failed.clone_from(&report.failed);
    }

    /// Says what could not be compared, and how many events may stand there. What the lines are that the
    /// lake's exports [had not met](Self::unmet) depends on what became of the sources since.
    pub(super) fn tell(&self, unmet: &Unmet, are: Outcome, findings: &mut Findings) -> Gap {
        let mut gap = Gap::default();
        for (file, why) in &self.failed {
            let what = format!("the source cannot be read: {why}");
            gap.add(u64::MAX, Outcome::Unreadable);
            findings.add(Finding::new(Outcome::Unreadable, what).part(file));
        }
        for (file, tallies) in &self.files {
            for tally in tallies.values() {
                let Some((outcome, what)) = tally.loss() else {
                    continue;
                };
                gap.add(tally.events, outcome);
                findings.add(Finding::new(outcome, what).part(file));
            }
        }
        for (code, excess) in unmet {
            let Excess { tally, logged } = excess;
            let lines = human::counted(tally.count, "line");
            let what = format!(
                "{lines} of the sources hold no event ({code}), and the lake's log counts {}: {}",
                human::count(*logged),
                tally.why
            );
            gap.add(excess.events(), are);
            findings.add(Finding::new(are, what));
        }
        gap
    }

    /// The lines that the lake's exports had not met: those of which there are more than the log counts.
    pub(super) fn unmet(&self, job: &Job<'_>) -> Unmet {
        let excess = excess_of(self.files.values(), job);
        if excess.is_empty() || self.files.len() < 2 {
            return excess;
        }
        // Of a file that is there twice an export reads one.
        let mut seen = HashSet::new();
        let once = self.files.iter().filter(|(file, _)| {
            let content = content_of(Path::new(file), job);
            content.is_none_or(|content| seen.insert(content))
        });
        excess_of(once.map(|(_, tallies)| tallies), job)
    }
}

impl Gap {
    fn add(&mut self, events: u64, outcome: Outcome) {
        self.events = self.events.saturating_add(events);
        self.outcome.get_or_insert(outcome);
    }
}

impl Tally {
    /// What was not compared and why, whatever the log says of it.
    fn loss(&self) -> Option<(Outcome, String)> {
        match self.kind {
            Kind::Line => None,
            Kind::Limited => {
                let lines = human::counted(self.count, "line");
                let what = format!("{lines} beyond a limit of reading: {}", self.why);
                Some((Outcome::Limited, what))
            }
            Kind::Cut => Some((Outcome::Unreadable, self.why.clone())),
        }
    }
}

/// Lines of which there are more than the log counts, by the reason's code.
pub(super) type Unmet = BTreeMap<&'static str, Excess>;

pub(super) struct Excess {
    tally: Tally,
    logged: u64,
}

impl Excess {
    /// How many events may stand there, at most: which of the lines the exports had not met is not known.
    fn events(&self) -> u64 {
        if self.tally.events == self.tally.count {
            self.tally.count.saturating_sub(self.logged)
        } else {
            self.tally.events
        }
    }
}

fn excess_of<'t>(files: impl Iterator<Item = &'t Tallies>, job: &Job<'_>) -> Unmet {
    let mut found = Unmet::new();
    let lines = files
        .flatten()
        .filter(|(_, tally)| tally.kind == Kind::Line);
    for (code, one) in lines {
        let excess = found.entry(*code).or_insert_with(|| Excess {
            tally: Tally {
                kind: one.kind,
                why: one.why.clone(),
                count: 0,
                events: 0,
            },
            logged: logged(job, code),
        });
        excess.tally.count += one.count;
        excess.tally.events = excess.tally.events.saturating_add(one.events);
    }
    found.retain(|_, excess| excess.tally.count > excess.logged);
    found
}

/// How often the lake's exports met a reason.
fn logged(job: &Job<'_>, code: &str) -> u64 {
    let records = job.lake.listing().records.iter();
    records
        .filter_map(|record| record.rejects.get(code))
        .fold(0, |sum, count| sum.saturating_add(*count))
}

/// What tells a file from others; `None` of what cannot be read again.
fn content_of(path: &Path, job: &Job<'_>) -> Option<(u64, runtrail_archive::Fingerprint)> {
    let meta = std::fs::metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    let start = FileStart::of(path, meta.len(), job.read.threads).ok()?;
    Some((start.bytes, start.fingerprint))
}

fn kind_of(reason: &RejectReason) -> Kind {
    match reason {
        RejectReason::Wire(WireErrorKind::TooLong { .. } | WireErrorKind::TooDeep { .. }) => {
            Kind::Limited
        }
        RejectReason::Damaged(_) | RejectReason::Unreadable(_) => Kind::Cut,
        _ => Kind::Line,
    }
}

/// How many events may stand in what was rejected.
fn most_events_in(reason: &RejectReason) -> u64 {
    match reason {
        // Where no end of a value is found near, the rest of the file is left out with it.
        RejectReason::Wire(WireErrorKind::TooLong { .. })
        | RejectReason::Damaged(_)
        | RejectReason::Unreadable(_)
        | RejectReason::Binary(_)
        | RejectReason::Spans(_) => u64::MAX,
        _ => 1,
    }
}
