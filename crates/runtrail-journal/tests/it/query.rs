//! What a journal answers.

use std::time::Duration;

use runtrail_journal::{
    Journal, JournalWriter, Phase, PlanResolved, RunStatus, Severity, Snapshot, State,
};

use crate::it::support::{BEGAN, clock, completed, failed, one_of_each, started, write};

fn journal(entries: Vec<runtrail_journal::Entry>) -> Journal {
    let folder = tempfile::tempdir().unwrap();
    Journal::read(write(folder.path(), entries)).unwrap()
}

#[test]
fn each_question_has_its_entries() {
    let journal = journal(one_of_each());
    let plan = journal.plan_snapshot().unwrap().as_json();
    assert_eq!(plan, r#"{"memory":1073741824,"to":"lake"}"#);
    let rows: Vec<u64> = journal.files().map(|file| file.rows).collect();
    assert_eq!(rows, [u64::MAX, 1]);
    let waits: Vec<Duration> = journal.retries().map(|retry| retry.delay).collect();
    assert_eq!(waits, [Duration::from_micros(250_001)]);
    assert_eq!(journal.chunk_events().count(), 4);
    let issue = journal.quality_issues().next().unwrap();
    assert_eq!((issue.severity, issue.count), (Severity::Warning, 3));
    let changed = journal.schema_changes().next().unwrap();
    assert_eq!(changed.type_changed[0].to, "INT64");
    assert_eq!(journal.warnings().count(), 1);
    assert_eq!(journal.plan_warnings().count(), 1);
    assert_eq!(journal.dropped(), 17);
    let degraded: Vec<&str> = journal.degraded().map(|r| r.entry.name()).collect();
    assert_eq!(
        degraded,
        [
            "quality_issue",
            "schema_changed",
            "warning",
            "parallelism_adjusted",
            "dropped",
            "dropped"
        ]
    );
    let succeeded: Vec<&str> = journal
        .phase(Phase::Succeeded)
        .map(|r| r.entry.name())
        .collect();
    assert_eq!(succeeded, ["validation_result", "reconciliation_result"]);
    assert!(journal.started().unwrap().to_string().as_str() > BEGAN);
    assert_eq!(journal.took(), Some(Duration::from_millis(19)));
}

#[test]
fn the_longest_chunk_is_that_of_one_attempt() {
    // A reading of the clock is a millisecond.
    let journal = journal(vec![
        started("a", 1),
        started("b", 1),
        failed("a", 1),
        completed("b", 1),
        started("a", 2),
        completed("never started", 1),
        started("never ended", 1),
        completed("a", 2),
    ]);
    let longest = journal.longest_chunk().unwrap();
    assert_eq!((longest.chunk, longest.attempt), ("a", 2));
    assert_eq!(longest.took, Duration::from_millis(3));
    assert!(longest.completed);
    assert!(Journal::from_bytes(b"").longest_chunk().is_none());
}

#[test]
fn the_first_plan_and_the_last_outcome_count() {
    let plan = |text: &str| PlanResolved {
        snapshot: Snapshot::of(&text).unwrap(),
    };
    let journal = journal(vec![plan("first").into(), plan("second").into()]);
    assert_eq!(journal.plan_snapshot().unwrap().as_json(), "\"first\"");

    let outcome = |seq: u64, status: &str| {
        format!(
            r#"{{"seq":{seq},"time":"{BEGAN}","mono_us":1,"entry":"run_completed","status":"{status}","duration_us":{seq}}}"#
        )
    };
    let text = format!("{}\n{}\n", outcome(0, "error"), outcome(1, "ok"));
    let journal = Journal::from_bytes(text.as_bytes());
    assert_eq!(journal.state(), State::Completed);
    assert_eq!(journal.took(), Some(Duration::from_micros(1)));
}

#[test]
fn the_state_follows_from_the_outcome_or_its_absence() {
    let states = [
        (RunStatus::Ok, State::Completed),
        (RunStatus::Partial, State::Completed),
        (RunStatus::Error, State::Failed),
        (RunStatus::Interrupted, State::Interrupted),
    ];
    for (status, expected) in states {
        let folder = tempfile::tempdir().unwrap();
        let writer = JournalWriter::create(folder.path(), clock()).unwrap();
        let path = writer.path().to_owned();
        let error = (status == RunStatus::Error).then(|| "disk full".to_owned());
        writer.finish(status, error.clone()).unwrap();
        let journal = Journal::read(path).unwrap();
        assert_eq!(journal.state(), expected);
        assert_eq!(journal.final_outcome().unwrap().error, error);
        assert_eq!(journal.final_outcome().unwrap().status, status);
    }
}

#[cfg(unix)]
#[test]
fn an_export_that_is_at_work_is_not_taken_for_one_that_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = JournalWriter::create(folder.path(), clock()).unwrap();
    writer.record(started("a", 1)).unwrap();
    let path = writer.path().to_owned();
    let state = || Journal::read(&path).unwrap().state();
    assert_eq!(state(), State::Running);
    drop(writer);
    assert_eq!(state(), State::Interrupted);
}
