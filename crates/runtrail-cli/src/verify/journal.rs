//! What the log and the journals say of the exports that made a lake.

use runtrail_journal::{FOLDER_OF_LAKE, Journal, JournalError, JournalFile, State, list};
use runtrail_replay::verify::{Finding, Findings, Outcome};

use super::Job;

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

/// How many events were left out on the way to the lake, as its journals say.
pub(super) fn left_out(job: &Job<'_>) -> u64 {
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
