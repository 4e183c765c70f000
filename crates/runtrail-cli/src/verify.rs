//! Comparing a lake with the sources that it was exported from.
//!
//! Quick looks at the journal, the log and the files. By default every event of both sides is read once, and
//! each run's events are added up by their digests: neither side is sorted. Only runs whose sums differ are
//! read again, sorted and compared event by event. Deep replays both sides as well, while they are read.

mod deep;
mod excuse;
mod explain;
mod groups;
mod journal;
mod parts;
mod scan;
mod selftest;
mod unread;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use runtrail_archive::ReadOptions;
use runtrail_parquet::LakeReader;
use runtrail_replay::verify::{Finding, Findings, Outcome, RunSum};

use crate::failure::Failure;
use crate::load::is_without_events;

pub(crate) use selftest::selftest;
use unread::Unread;

/// How much is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// The journal, the log, and the files as they are.
    Quick,
    /// Every event, by counts and digests.
    Events,
    /// Every event, and what replaying the runs gives.
    Replays,
}

impl Depth {
    /// Returns its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Events => "events",
            Self::Replays => "deep",
        }
    }
}

/// What is to be compared, and with what means.
pub(crate) struct Job<'j> {
    pub(crate) sources: &'j [String],
    pub(crate) lake: &'j LakeReader,
    pub(crate) depth: Depth,
    pub(crate) read: ReadOptions,
    /// Bytes of memory, about.
    pub(crate) memory: usize,
    /// Where temporary files go; the system's folder where it is `None`.
    pub(crate) temp: Option<&'j Path>,
    pub(crate) cancelled: Arc<AtomicBool>,
}

/// What comparing came to.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    pub(crate) findings: Findings,
    /// Whether an export that has not ended has files in the lake: what is missing may be on its way.
    is_under_way: bool,
    /// Parts that were looked at.
    pub(crate) parts: u64,
    /// The events and digests of the sources, and of the lake.
    pub(crate) source: RunSum,
    pub(crate) lake: RunSum,
    /// Lines of the sources that hold no event.
    pub(crate) rejected: u64,
    /// Runs whose events agree.
    pub(crate) runs_matching: u64,
    /// Runs that were read again, event by event.
    pub(crate) runs_compared_closely: u64,
    /// Runs whose replays agree.
    pub(crate) replays_matching: u64,
    /// What of the sources is no event, or could not be read.
    unread: Unread,
    /// What differs in runs that were compared closely, until it is known whether there is a reason.
    differences: Findings,
    /// Events of the sources that the lake lacks, those of missing runs among them.
    missing_events: u64,
    /// Events of the lake alone in which a pipeline says what of a run it lost, up to a limit.
    notes: Vec<Finding>,
}

/// Compares.
pub(crate) fn verify(job: &Job<'_>) -> Result<Verified, Failure> {
    let mut verified = Verified::default();
    let mut suspects = parts::check(job, &mut verified)?;
    journal::check(job, &mut verified.findings);
    if job.depth >= Depth::Events {
        if is_without_events(job.lake) {
            let what =
                "the lake was exported without its events table: its events cannot be compared";
            verified.findings.add(Finding::new(Outcome::Limited, what));
            return Ok(verified);
        }
        let (differing, replays) = if job.depth >= Depth::Replays {
            let deep::Compared { differing, replays } =
                deep::compare(job, &mut verified, &mut suspects)?;
            (differing, Some(replays))
        } else {
            (scan::compare(job, &mut verified, &mut suspects)?, None)
        };
        explain::explain(job, &differing, &suspects, &mut verified)?;
        excuse::excuse(job, &mut verified);
        if let Some(replays) = replays {
            deep::tell(job, &replays, &mut verified)?;
        }
    }
    parts::name_what_no_run_explains(&suspects, &mut verified.findings);
    Ok(verified)
}
