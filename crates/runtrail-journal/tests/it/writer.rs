//! Where journals are, and what cannot be written.

use std::fs;
use std::path::Path;

use runtrail_journal::{
    Entry, Journal, JournalError, JournalFile, JournalWriter, MAX_LINE, PlanResolved, RunStatus,
    Snapshot, Warning, list,
};
use serde_json::value::RawValue;

use crate::it::support::{BEGAN, clock, one_of_each, write};

#[test]
fn names_are_in_the_order_of_time_and_differ() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("lake/_runtrail/journal");
    assert_eq!(list(&folder).unwrap(), []);
    for _ in 0..20 {
        write(&folder, vec![]);
    }
    fs::write(folder.join("notes.txt"), "").unwrap();
    fs::create_dir(folder.join("folder.jsonl")).unwrap();
    fs::write(folder.join("20251120T031204.077990Z-000000.jsonl"), "").unwrap();
    let found = list(&folder).unwrap();
    assert_eq!(found.len(), 21, "one start, and as many names");
    assert_eq!(found[0].name(), "20251120T031204.077990Z-000000");
    assert_eq!(found[0].id(), "000000");
    for journal in &found[1..] {
        let id = journal.id();
        assert_eq!(
            journal.name(),
            format!("20261120T031204.077990Z-{id}"),
            "{BEGAN}"
        );
        assert!(journal.is_named(&id[..3]) && journal.is_named("20261120T0312"));
        assert!(!journal.is_named("20251120"));
    }
    let odd = JournalFile::of(Path::new("a/b.jsonl")).unwrap();
    assert_eq!((odd.name(), odd.id()), ("b", "b"));
    assert_eq!(JournalFile::of(Path::new("a/b.json")), None);
}

#[test]
fn what_is_no_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("none.jsonl")] {
        let error = Journal::read(&path).unwrap_err();
        assert!(matches!(error, JournalError::Read { .. }), "{error:?}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(list(&file), Err(JournalError::Read { .. })));
    let error = JournalWriter::create(file.join("journal"), clock()).unwrap_err();
    assert!(matches!(error, JournalError::Write { .. }), "{error:?}");
}

#[test]
fn an_entry_that_is_refused_leaves_the_rest_whole_and_its_number_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = JournalWriter::create(folder.path(), clock()).unwrap();
    let long = PlanResolved {
        snapshot: Snapshot::of(&"x".repeat(MAX_LINE)).unwrap(),
    };
    let error = journal.record(long).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the entry plan_resolved has {} bytes, and a journal's line may have {MAX_LINE}",
            MAX_LINE + 99
        )
    );
    let line = format!(r#"{{"seq":0,"time":"{BEGAN}","mono_us":1,"entry":"later"}}"#);
    let other = Journal::from_bytes(line.as_bytes()).records()[0]
        .entry
        .clone();
    let error = journal.record(other).unwrap_err();
    assert_eq!(error.to_string(), "the entry later cannot be written");
    let path = journal.path().to_owned();
    journal.finish(RunStatus::Ok, None).unwrap();
    let journal = Journal::read(path).unwrap();
    assert_eq!(journal.records().len(), 1);
    assert_eq!(journal.damage().missing, 2);
    assert_eq!(journal.damage().lines, 0);
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let folder = tempfile::tempdir().unwrap();
    let message = format!("x{}", "é".repeat(MAX_LINE));
    let path = write(folder.path(), vec![Warning::new(message).into()]);
    let journal = Journal::read(path).unwrap();
    let message = &journal.warnings().next().unwrap().message;
    assert_eq!(message.len(), 8191 + "…".len());
    assert!(message.ends_with("é…"), "{message}");
}

#[test]
fn a_plan_that_is_indented_takes_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let plan = RawValue::from_string("{\n  \"a\":\r\n [1]}".to_owned()).unwrap();
    let snapshot = Snapshot::of(&plan).unwrap();
    let path = write(folder.path(), vec![PlanResolved { snapshot }.into()]);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    let journal = Journal::read(path).unwrap();
    let plan = journal.plan_snapshot().unwrap().as_json();
    assert_eq!(plan, "{   \"a\":   [1]}");
}

#[test]
fn entries_are_in_the_file_when_they_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = JournalWriter::create(folder.path(), clock()).unwrap();
    for (at, entry) in one_of_each().into_iter().enumerate() {
        journal.record(entry.clone()).unwrap();
        let read = Journal::read(journal.path()).unwrap();
        assert_eq!(read.records().len(), at + 1);
        assert_eq!(read.records()[at].entry, entry);
    }
    assert!(format!("{journal:?}").contains("seq: 17"), "{journal:?}");
    assert!(matches!(
        Journal::read(journal.path()).unwrap().entries().last(),
        Some(Entry::ReconciliationResult(_))
    ));
}
