//! Journals to test with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use runtrail_core::time::Timestamp;
use runtrail_journal::{
    ChunkCompleted, ChunkFailed, ChunkStarted, Clock, Dropped, Entry, FileWritten, JournalWriter,
    ParallelismAdjusted, PlanResolved, PlanWarning, QualityIssue, Reading, ReconciliationResult,
    RetryAttempted, RunStatus, SchemaChanged, Severity, Snapshot, TypeChange, ValidationResult,
    Warning,
};

/// The time that every test's journal begins at.
pub(crate) const BEGAN: &str = "2026-11-20T03:12:04.077990Z";

/// A clock that moves a millisecond with each reading.
pub(crate) fn clock() -> impl Clock {
    let began = Timestamp::parse(BEGAN).unwrap();
    let mut readings = 0;
    move || {
        readings += 1;
        Reading {
            time: Timestamp::from_micros(began.micros() + 1000 * (readings - 1)),
            monotonic: Duration::from_millis(readings as u64),
        }
    }
}

pub(crate) fn started(chunk: &str, attempt: u32) -> Entry {
    let chunk = chunk.to_owned();
    ChunkStarted { chunk, attempt }.into()
}

pub(crate) fn completed(chunk: &str, attempt: u32) -> Entry {
    ChunkCompleted {
        chunk: chunk.to_owned(),
        attempt,
        rows: 7,
    }
    .into()
}

pub(crate) fn failed(chunk: &str, attempt: u32) -> Entry {
    ChunkFailed {
        chunk: chunk.to_owned(),
        attempt,
        error: "connection reset".to_owned(),
    }
    .into()
}

/// One entry of each kind but the outcome, with texts that JSON has to escape.
pub(crate) fn one_of_each() -> Vec<Entry> {
    let plan = serde_json::json!({ "to": "lake", "memory": 1 << 30 });
    let odd = "a \"line\"\n\u{1b}[31m\u{202e} 😀".to_owned();
    vec![
        PlanResolved {
            snapshot: Snapshot::of(&plan).unwrap(),
        }
        .into(),
        PlanWarning {
            message: odd.clone(),
        }
        .into(),
        started("a.jsonl:0-4096", 1),
        failed("a.jsonl:0-4096", 1),
        RetryAttempted {
            what: "a.jsonl:0-4096".to_owned(),
            attempt: 2,
            delay: Duration::from_micros(250_001),
            reason: odd.clone(),
        }
        .into(),
        started("a.jsonl:0-4096", 2),
        completed("a.jsonl:0-4096", 2),
        FileWritten::new(odd.clone(), u64::MAX, 0)
            .part("events")
            .into(),
        FileWritten::new("runs/part-0.parquet", 1, 2).into(),
        QualityIssue {
            severity: Severity::Warning,
            message: odd.clone(),
            count: 3,
        }
        .into(),
        SchemaChanged {
            table: "events".to_owned(),
            added: vec!["extra".to_owned()],
            removed: vec![],
            type_changed: vec![TypeChange {
                column: "seq".to_owned(),
                from: "INT32".to_owned(),
                to: "INT64".to_owned(),
            }],
        }
        .into(),
        Warning::new(odd.clone()).into(),
        ParallelismAdjusted {
            from: 8,
            to: 2,
            reason: odd,
        }
        .into(),
        Dropped::new("sampled_out", 12).into(),
        Dropped::new("queue_full", 5).into(),
        ValidationResult {
            check: "footers".to_owned(),
            passed: true,
            detail: None,
        }
        .into(),
        ReconciliationResult::of(10, 9).into(),
    ]
}

/// Writes a journal that ends well, and returns its path.
pub(crate) fn write(folder: &Path, entries: Vec<Entry>) -> PathBuf {
    let mut journal = JournalWriter::create(folder, clock()).unwrap();
    for entry in entries {
        journal.record(entry).unwrap();
    }
    let path = journal.path().to_owned();
    journal.finish(RunStatus::Ok, None).unwrap();
    path
}
