//! What the log and the journals say of the exports that made a lake.

use runtrail_archive::resolve_with;
use runtrail_journal::{Journal, JournalError, JournalFile, State, list};
use runtrail_replay::verify::{Finding, Findings, Outcome};

use super::Job;
use crate::load::open_lake;

/// Where a lake keeps its journals.
const FOLDER: &str = "_runtrail/journal";

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
            findings.add(Finding::new(Outcome::Unreadable, error.to_string()).part(FOLDER));
            return;
        }
    };
    let Some(last) = last else {
        return;
    };
    let part = format!("{FOLDER}/{}.jsonl", last.name());
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
/// events that a program left out on purpose and said so.
pub(super) fn excuse(job: &Job<'_>, findings: &mut Findings) {
    let grown = job
        .lake
        .listing()
        .records
        .iter()
        .flat_map(|record| &record.sources);
    let mut known: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for source in grown {
        let bytes = known.entry(&source.name).or_default();
        *bytes = (*bytes).max(source.bytes);
    }
    let inputs = resolve_with(job.sources, &open_lake).map(|sources| sources.inputs);
    let inputs = inputs.unwrap_or_default();
    let grown = known.iter().find(|(name, bytes)| {
        let now = inputs.iter().find(|input| input.name() == **name);
        **bytes > 0 && now.is_some_and(|input| input.size() > **bytes)
    });
    let lost = [Outcome::MissingEvent, Outcome::MissingRun];
    let missing: u64 = lost.iter().map(|outcome| findings.count(*outcome)).sum();
    if let Some((name, bytes)) = grown
        && missing > 0
        && job.lake.listing().missing.is_empty()
    {
        let what = format!("it has grown beyond the {bytes} bytes that were exported");
        findings.add(Finding::new(Outcome::Pending, what).part(*name));
        for outcome in lost {
            findings.relabel(outcome, Outcome::Pending);
        }
        return;
    }
    let journals = journals(job).unwrap_or_default();
    let left_out = journals
        .iter()
        .filter_map(|file| Journal::read(file.path()).ok());
    let left_out = left_out.map(|journal| journal.dropped());
    let left_out = left_out.fold(0, u64::saturating_add);
    if missing > 0 && missing <= left_out && job.lake.listing().missing.is_empty() {
        for outcome in lost {
            findings.relabel(outcome, Outcome::SampledOut);
        }
    }
}

/// The journals of the lake, in the order of its exports.
fn journals(job: &Job<'_>) -> Result<Vec<JournalFile>, JournalError> {
    list(job.lake.root().join(FOLDER))
}
