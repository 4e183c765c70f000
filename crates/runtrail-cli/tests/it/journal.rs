//! `runtrail journal`.

use std::fs;
use std::time::Duration;

use runtrail_core::time::Timestamp;
use runtrail_journal::{
    ChunkCompleted, ChunkFailed, ChunkStarted, Dropped, Entry, FileWritten, JournalWriter,
    PlanResolved, PlanWarning, QualityIssue, Reading, ReconciliationResult, RetryAttempted,
    RunStatus, Severity, Snapshot, Warning,
};
use serde_json::{Value, json};

use super::support::Session;

/// A lake with three exports: one that ended well, one that was cut off, one that failed.
fn session() -> Session {
    let session = Session::new();
    let entries: [Vec<Entry>; 3] = [whole(), cut_off(), vec![]];
    for (at, entries) in entries.into_iter().enumerate() {
        let id = ["5b1f0c", "5b20aa", "c3000d"][at];
        write(&session, at as i64, id, entries);
    }
    session
}

/// Writes a journal, at a known time and under a known name.
fn write(session: &Session, at: i64, id: &str, entries: Vec<Entry>) {
    let began = Timestamp::parse("2026-11-20T03:12:04Z").unwrap().micros() + at * 3_600_000_000;
    let mut readings = 0;
    let clock = move || {
        let since = readings * 40_000;
        readings += 1;
        Reading {
            time: Timestamp::from_micros(began + since),
            monotonic: Duration::from_micros(since as u64),
        }
    };
    let folder = session.path("lake/_runtrail/journal");
    let mut journal = JournalWriter::create(&folder, clock).unwrap();
    let path = journal.path().to_owned();
    for entry in entries {
        journal.record(entry).unwrap();
    }
    match at {
        0 => journal.finish(RunStatus::Ok, None).unwrap(),
        1 => drop(journal),
        _ => {
            let why = "no space left on \u{1b}[31mdevice".to_owned();
            journal.finish(RunStatus::Error, Some(why)).unwrap();
        }
    }
    let name = path.file_name().unwrap().to_str().unwrap();
    let start = name.rsplit_once('-').unwrap().0;
    fs::rename(&path, folder.join(format!("{start}-{id}.jsonl"))).unwrap();
}

fn whole() -> Vec<Entry> {
    let plan = json!({ "sources": ["nightly/*.jsonl"], "to": "lake" });
    let file = |file: &str, rows, bytes| FileWritten::new(file, rows, bytes);
    vec![
        PlanResolved {
            snapshot: Snapshot::of(&plan).unwrap(),
        }
        .into(),
        PlanWarning {
            message: "a.jsonl is empty".to_owned(),
        }
        .into(),
        started("a.jsonl:0-4096", 1),
        ChunkFailed {
            chunk: "a.jsonl:0-4096".to_owned(),
            attempt: 1,
            error: "connection reset".to_owned(),
        }
        .into(),
        RetryAttempted {
            what: "a.jsonl:0-4096".to_owned(),
            attempt: 2,
            delay: Duration::from_millis(250),
            reason: "connection reset".to_owned(),
        }
        .into(),
        started("a.jsonl:0-4096", 2),
        ChunkCompleted {
            chunk: "a.jsonl:0-4096".to_owned(),
            attempt: 2,
            rows: 13_424,
        }
        .into(),
        file("events/date=2026-11-20/part-0.parquet", 13_424, 1 << 20)
            .part("events")
            .into(),
        file("events/date=2026-11-21/part-1.parquet", 12, 4096)
            .part("events")
            .into(),
        file("runs/date=2026-11-20/part-2.parquet", 300, 9000)
            .part("runs")
            .into(),
        QualityIssue {
            severity: Severity::Warning,
            message: "lines without a time".to_owned(),
            count: 1204,
        }
        .into(),
        Dropped::new("sampled_out", 12).into(),
        ReconciliationResult::of(13_436, 13_436).into(),
    ]
}

fn started(chunk: &str, attempt: u32) -> Entry {
    let chunk = chunk.to_owned();
    ChunkStarted { chunk, attempt }.into()
}

fn cut_off() -> Vec<Entry> {
    (0..25)
        .map(|n| Warning::new(format!("slow \u{1b}[2J | `{n}`")).into())
        .collect()
}

#[test]
fn exports_are_listed_and_told_in_words() {
    let mut session = session();
    session
        .tell(&["journal", "lake", "--utc"])
        .tell(&["journal", "lake", "--utc", "--format", "markdown"])
        .tell(&["journal", "lake", "--format", "jsonl"])
        .tell(&["journal", "lake", "5b1", "--utc"])
        .tell(&["journal", "lake", "20261120T0412", "--utc"])
        .tell(&["journal", "lake", "last", "--utc"])
        .tell(&["journal", "lake", "5b1f", "--utc", "--format", "markdown"])
        .tell(&["journal", "lake", "last", "--format", "json"])
        .tell(&["journal", "lake", "last", "--format", "jsonl"])
        .tell(&["journal", "lake", "5b"])
        .tell(&["journal", "lake", "ffff"])
        .tell(&["journal", "nowhere"])
        .check("journal");
}

#[test]
fn json_has_every_entry_once() {
    let session = session();
    let listed = session.json(&["journal", "lake", "--format", "json"]);
    let states = listed.as_array().unwrap().iter().map(|one| &one["state"]);
    let states: Vec<&Value> = states.collect();
    assert_eq!(states, ["completed", "interrupted", "failed"]);
    assert_eq!(listed[0]["rows"], 13_736);
    assert_eq!(listed[0]["dropped"], 12);

    let one = session.json(&["journal", "lake", "5b1f", "--format", "json"]);
    let phases = [
        "planned",
        "happened",
        "degradations",
        "checked",
        "outcome",
        "unknown",
    ];
    let counts = phases.map(|phase| one[phase].as_array().unwrap().len());
    assert_eq!(counts, [2, 8, 2, 1, 1, 0]);
    let lines = session.answer(&["journal", "lake", "5b1f", "--format", "jsonl"]);
    let name = one["journal"].as_str().unwrap();
    let path = format!("lake/_runtrail/journal/{name}.jsonl");
    assert_eq!(lines, fs::read_to_string(session.path(&path)).unwrap());
    // What is too long for people is whole for programs.
    let long = vec![Warning::new("é".repeat(3000)).into()];
    write(&session, 1, "dddddd", long);
    let shown = session.answer(&["journal", "lake", "dddd"]);
    assert!(shown.contains("éé…\n") && shown.chars().count() < 2300);
    let lines_of_it = session.answer(&["journal", "lake", "dddd", "--format", "jsonl"]);
    assert!(lines_of_it.contains(&"é".repeat(3000)));

    // A journal by itself, and a folder of them.
    assert_eq!(
        session.answer(&["journal", &path, "--format", "jsonl"]),
        lines
    );
    let folder = session.json(&["journal", "lake/_runtrail/journal", "--format", "json"]);
    assert_eq!(folder[0], listed[0]);
}

#[test]
fn what_is_damaged_or_of_another_version_is_shown_and_said() {
    let mut session = session();
    let path = "lake/_runtrail/journal/20261120T031204.000000Z-5b1f0c.jsonl";
    let text = fs::read_to_string(session.path(path)).unwrap();
    let mut lines: Vec<&str> = text.lines().take(3).collect();
    let other = r#"{"seq":9,"time":"2026-11-20T03:13:00Z","mono_us":9,"entry":"compacted","n":1}"#;
    lines.extend([other, "{\"seq\":10,\"ti"]);
    session.write(path, lines.join("\n"));
    session.write("events.jsonl", "{\"event_id\":\"1\"}\n");
    session.write("empty/_runtrail/log/0.json", "{}");
    session
        .tell(&["journal", "lake", "5b1f", "--utc"])
        .tell(&["journal", "events.jsonl"])
        .tell(&["journal", "lake/_runtrail"])
        .tell(&["journal", "empty"])
        .tell(&["journal", "empty", "last"])
        .check("journal-damaged");
    let one = session.json(&["journal", "lake", "5b1f", "--format", "json"]);
    assert_eq!(one["unknown"][0]["entry"], "compacted");
    assert_eq!(
        (&one["damaged_lines"], &one["missing_entries"]),
        (&json!(1), &json!(6))
    );
}
