//! What the log and the journals say of the exports that made a lake.

use std::collections::BTreeMap;

use runtrail_archive::resolve_with;
use runtrail_journal::{FOLDER_OF_LAKE, Journal, JournalError, JournalFile, State, list};
use runtrail_replay::verify::{Finding, Findings, Outcome};

use super::{Job, Verified};
use crate::load::open_lake;

/// Says whether the exports ended.
pub(super) fn check(job: &Job<'_>, findings: &mut Findings) {
    let listing = job.lake.listing();
    if listing.records.is_empty() && listing.bad_records.is_empty() {
        let what = "the log has no record: no export of this lake is known to have ended";
        findings.add(Finding::new(Outcome::Interrupted, what).part("_runtrail/log"));
    }
    let last = match journals(job) {
        Ok(mut journals) => journals.pop(),
        Err(error) => {
            findings.add(Finding::new(Outcome::Unreadable, error.to_string()).part(FOLDER_OF_LAKE));
            return;
        }
    };
    let Some(last) = last else {
        return;
    };
    let part = format!("{FOLDER_OF_LAKE}/{}.jsonl", last.name());
    match Journal::read(last.path()).map(|journal| journal.state()) {
        Ok(State::Completed) => {}
        Ok(_) => {
            let what = "the last journal does not say that its export came to its end";
            findings.add(Finding::new(Outcome::Interrupted, what).part(part));
        }
        Err(error) => {
            findings.add(Finding::new(Outcome::Unreadable, error.to_string()).part(part));
        }
    }
}

/// Turns what is missing for a reason that is known into what it is: sources that have grown since, and
/// events that a pipeline left out and said so.
pub(super) fn excuse(job: &Job<'_>, verified: &mut Verified) {
    let lost = [Outcome::MissingEvent, Outcome::MissingRun];
    let findings = &mut verified.findings;
    let is_missing = lost.iter().any(|outcome| findings.count(*outcome) > 0);
    let mut why = None;
    if is_missing && job.lake.listing().missing.is_empty() {
        if let Some(pending) = grown(job) {
            findings.add(pending);
            why = Some(Outcome::Pending);
        } else if (1..=left_out(job)).contains(&verified.missing_events) {
            why = Some(Outcome::SampledOut);
        }
    }
    if let Some(why) = why {
        for outcome in lost {
            findings.relabel(outcome, why);
        }
    }
    // They are nowhere else, and not more than what they tell of.
    for mut note in std::mem::take(&mut verified.notes) {
        if why == Some(Outcome::SampledOut) {
            note.outcome = Outcome::SampledOut;
        }
        findings.add(note);
    }
}

/// Says that a source has grown since it was exported, if one has.
fn grown(job: &Job<'_>) -> Option<Finding> {
    let mut known: BTreeMap<&str, u64> = BTreeMap::new();
    let records = job.lake.listing().records.iter();
    for source in records.flat_map(|record| &record.sources) {
        let bytes = known.entry(&source.name).or_default();
        *bytes = (*bytes).max(source.bytes);
    }
    let inputs = resolve_with(job.sources, &open_lake).ok()?.inputs;
    let (name, bytes) = known.iter().find(|(name, bytes)| {
        let now = inputs.iter().find(|input| input.name() == **name);
        **bytes > 0 && now.is_some_and(|input| input.size() > **bytes)
    })?;
    let what = format!("it has grown beyond the {bytes} bytes that were exported");
    Some(Finding::new(Outcome::Pending, what).part(*name))
}

/// How many events were left out on the way to the lake, as its journals say.
fn left_out(job: &Job<'_>) -> u64 {
    let journals = journals(job).unwrap_or_default().into_iter();
    let journals = journals.filter_map(|file| Journal::read(file.path()).ok());
    journals
        .map(|journal| journal.dropped())
        .fold(0, u64::saturating_add)
}

/// The journals of the lake, in the order of its exports.
fn journals(job: &Job<'_>) -> Result<Vec<JournalFile>, JournalError> {
    list(job.lake.root().join(FOLDER_OF_LAKE))
}
