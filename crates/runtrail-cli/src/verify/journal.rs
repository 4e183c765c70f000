//! What the log and the journals say of the exports that made a lake.

use std::collections::HashMap;

use runtrail_journal::{FOLDER_OF_LAKE, Journal, JournalError, JournalFile, State, list};
use runtrail_parquet::LogRecord;
use runtrail_replay::verify::{Finding, Findings, Outcome};

use super::Job;

/// Says whether the exports ended.
pub(super) fn check(job: &Job<'_>, findings: &mut Findings) {
    let listing = job.lake.listing();
    if listing.records.is_empty() && listing.bad_records.is_empty() {
        let what = "the log has no record: no export of this lake is known to have ended";
        findings.add(Finding::new(Outcome::Interrupted, what).part("_runtrail/log"));
    }
    let journals = match journals(job) {
        Ok(journals) => journals,
        Err(error) => {
            findings.add(Finding::new(Outcome::Unreadable, error.to_string()).part(FOLDER_OF_LAKE));
            return;
        }
    };
    let mut told = Told::of(&listing.records);
    let last = journals.len().saturating_sub(1);
    for (at, file) in journals.iter().enumerate() {
        let part = || format!("{FOLDER_OF_LAKE}/{}.jsonl", file.name());
        match Journal::read(file.path()) {
            Ok(journal) => {
                told.by(&journal);
                if at == last && journal.state() != State::Completed {
                    let what = "the last journal does not say that its export came to its end";
                    findings.add(Finding::new(Outcome::Interrupted, what).part(part()));
                }
            }
            Err(error) => {
                told.silent += 1;
                let finding = Finding::new(Outcome::Unreadable, error.to_string());
                findings.add(finding.part(part()));
            }
        }
    }
    for record in told.untold() {
        let what = "no journal tells of the export of this record: nothing says how it ended";
        findings.add(Finding::new(Outcome::Interrupted, what).part(record));
    }
}

/// Which records of the log journals tell of.
///
/// Only an export of the program names its sources in the log, and keeps a journal whatever becomes of it;
/// a lake that a program wrote through the library may have none.
struct Told<'l> {
    /// The records, and whether a journal names a part of them.
    records: Vec<(&'l str, bool)>,
    /// The records that list a part, by its path.
    by_part: HashMap<String, Vec<usize>>,
    /// Journals that name no part: each may be the one of a record, of an export that was cut off before it
    /// could say what it wrote.
    silent: usize,
}

impl<'l> Told<'l> {
    fn of(records: &'l [LogRecord]) -> Self {
        let records = records.iter().filter(|record| !record.sources.is_empty());
        let mut told = Self {
            records: Vec::new(),
            by_part: HashMap::new(),
            silent: 0,
        };
        for record in records {
            let at = told.records.len();
            told.records.push((&record.path, false));
            for part in record.parts() {
                told.by_part.entry(part.path).or_default().push(at);
            }
        }
        told
    }

    fn by(&mut self, journal: &Journal) {
        let mut is_silent = true;
        for file in journal.files() {
            is_silent = false;
            for at in self.by_part.get(&file.file).into_iter().flatten() {
                if let Some((_, is_told)) = self.records.get_mut(*at) {
                    *is_told = true;
                }
            }
        }
        self.silent += usize::from(is_silent);
    }

    /// The records that no journal can be the one of.
    fn untold(&self) -> impl Iterator<Item = &'l str> {
        let untold = || self.records.iter().filter(|(_, is_told)| !is_told);
        let some = untold().count() > self.silent;
        untold().filter(move |_| some).map(|(path, _)| *path)
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
