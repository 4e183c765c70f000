//! The lake's files: whether they are there, whole, and no others.

use std::collections::BTreeSet;

use runtrail_parquet::{LakeReader, ListedPart, Listing, PartCheck, Table};
use runtrail_replay::verify::{Finding, Findings, Outcome};

use super::{Depth, Job, Verified};
use crate::code::Code;
use crate::failure::Failure;

/// Parts that something is wrong with.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// Parts whose bytes are not those that they are named after, and the runs that they hold.
    changed: Vec<(String, Option<(String, String)>)>,
    /// Parts of the events table that are not there or cannot be read.
    pub(super) unread: Vec<String>,
}

impl Suspects {
    /// Returns the part that may have held what is missing; `None` where there is more than one, or none.
    pub(super) fn lost_part(&self) -> Option<&str> {
        match self.unread.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

/// Looks at every file.
pub(super) fn check(job: &Job<'_>, verified: &mut Verified) -> Result<Suspects, Failure> {
    let listing = job.lake.listing();
    let findings = &mut verified.findings;
    let mut suspects = Suspects::default();
    for (path, why) in &listing.bad_records {
        let what = format!("a record of the log cannot be read: {why}");
        findings.add(Finding::new(Outcome::Unreadable, what).part(path));
    }
    let seen_again = SeenAgain::of(job)?;
    for part in &listing.missing {
        if !seen_again.listing.missing.contains(part) {
            let what =
                "an export put other parts in the place of this one while the lake was looked at";
            findings.add(Finding::new(Outcome::Interrupted, what).part(&part.path));
            verified.is_under_way = true;
            continue;
        }
        let rows = part
            .rows
            .map_or(String::new(), |rows| format!(" with {rows} rows"));
        let what = format!("the log lists this part{rows}, and it is not there");
        findings.add(Finding::new(outcome_of_loss(part.table), what).part(&part.path));
        if part.table == Table::Events {
            suspects.unread.push(part.path.clone());
        }
    }
    for path in &listing.stray {
        if let Some(what) = seen_again.excuse(path) {
            findings.add(Finding::new(Outcome::Interrupted, what).part(path));
            verified.is_under_way = true;
            continue;
        }
        let runs = job
            .lake
            .check_file(path, false)
            .ok()
            .and_then(|check| check.runs);
        let what = "no record of the log lists this file, and readers of the lake count it";
        findings.add(with_runs(
            Finding::new(Outcome::ExtraEvent, what).part(path),
            runs,
        ));
    }
    if seen_again.is_of_first_export {
        verified.is_under_way = true;
    }
    for part in &listing.parts {
        verified.parts += 1;
        if job.cancelled.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(super::scan::interrupted());
        }
        match job.lake.check_part(part, job.depth >= Depth::Events) {
            Ok(check) => check_one(part, check, &mut verified.findings, &mut suspects),
            Err(error) => {
                let finding = Finding::new(Outcome::Unreadable, error.reason()).part(&part.path);
                verified.findings.add(finding);
                suspects.unread.push(part.path.clone());
            }
        }
    }
    Ok(suspects)
}

/// What a second look says of files that are not as the log says: exports go on meanwhile.
///
/// An export announces its files before they become visible, and records them before it takes the
/// announcement back. So a file that was visible and is not announced any more is recorded, if it is not that
/// of somebody else.
struct SeenAgain {
    announced: BTreeSet<String>,
    listing: Listing,
    /// Whether an export that has not ended is the first one of the lake: all files count as its parts then.
    is_of_first_export: bool,
}

impl SeenAgain {
    fn of(job: &Job<'_>) -> Result<Self, Failure> {
        let failed = |error| Failure::of(Code::Io, &error);
        let before = job.lake.listing();
        let is_first = before.records.is_empty() && before.bad_records.is_empty();
        if before.missing.is_empty() && before.stray.is_empty() && !is_first {
            return Ok(Self {
                announced: BTreeSet::new(),
                listing: Listing::default(),
                is_of_first_export: false,
            });
        }
        let announced = job.lake.announced().map_err(failed)?;
        let now = LakeReader::open(job.lake.root()).map_err(failed)?;
        let is_announced = |part: &ListedPart| announced.contains(&part.path);
        Ok(Self {
            is_of_first_export: is_first && before.parts.iter().any(is_announced),
            listing: now.map_or_else(Listing::default, |now| now.listing().clone()),
            announced,
        })
    }

    /// Says why a file that no record listed is no file too many.
    fn excuse(&self, path: &String) -> Option<&'static str> {
        if self.announced.contains(path) {
            Some(
                "an export that has not ended announced this file, and no record of the log lists it yet",
            )
        } else if !self.listing.stray.contains(path) {
            Some("an export recorded this file, or took it back, while the lake was looked at")
        } else {
            None
        }
    }
}

fn outcome_of_loss(table: Table) -> Outcome {
    if table == Table::Events {
        Outcome::MissingEvent
    } else {
        Outcome::Count
    }
}

fn check_one(
    part: &ListedPart,
    check: PartCheck,
    findings: &mut Findings,
    suspects: &mut Suspects,
) {
    if let Some(why) = check.unreadable {
        findings.add(Finding::new(Outcome::Unreadable, why).part(&part.path));
        if part.table == Table::Events {
            suspects.unread.push(part.path.clone());
        }
        return;
    }
    for (what, logged, found) in [
        ("rows", part.rows, check.rows),
        ("bytes", part.bytes, Some(check.bytes)),
    ] {
        let (Some(logged), Some(found)) = (logged, found) else {
            continue;
        };
        if logged != found {
            let what = format!("the log says {logged} {what}, and there are {found}");
            let finding = Finding::new(Outcome::Count, what).part(&part.path);
            findings.add(with_runs(finding, check.runs.clone()));
        }
    }
    if check.is_as_named == Some(false) {
        suspects.changed.push((part.path.clone(), check.runs));
    }
}

/// Adds the parts that were changed in a way that no difference of a run tells of, such as in a column
/// that is made of the payload.
pub(super) fn name_what_no_run_explains(suspects: &Suspects, findings: &mut Findings) {
    for (path, runs) in &suspects.changed {
        let what = "its bytes are not those that it is named after";
        let finding = Finding::new(Outcome::Payload, what).part(path);
        findings.add(with_runs(finding, runs.clone()));
    }
}

/// Says which runs a part holds: one, or from one to another.
fn with_runs(finding: Finding, runs: Option<(String, String)>) -> Finding {
    match runs {
        None => finding,
        Some((first, last)) if first == last => finding.run(first),
        Some((first, last)) => {
            let detail = format!("{}; it holds runs from {first} to {last}", finding.detail);
            Finding { detail, ..finding }.run(first)
        }
    }
}
