//! A program that leaves events out on the way to its lake, and says so in its journal.

use std::fs;
use std::time::Duration;

use runtrail::{Config, Trail};
use runtrail_core::event::TraceEvent;
use runtrail_core::wire::WireReader;
use runtrail_journal::{Journal, JournalFile, Phase, State, list};
use serde_json::json;

use super::support::{Session, event, op};

const RUNS: u64 = 40;
/// A run is an op in an op.
const EVENTS_OF_A_RUN: u64 = 4;

fn lines() -> Vec<String> {
    let run = |n| {
        let run = format!("run-{n:02}");
        let outer = op(&run, 0, "main", &[], &json!({ "status": "ok" }));
        let inner = op(&run, 1, "main.ask", &[], &json!({ "status": "ok" }));
        let [start, _] = outer;
        let end = event(
            &run,
            3,
            "op_end",
            Some("main"),
            &[],
            &json!({ "status": "ok" }),
        );
        [start, inner[0].clone(), inner[1].clone(), end]
    };
    (0..RUNS).flat_map(run).collect()
}

/// A program's configuration: a sample of all runs, kept in a lake.
fn trail(session: &Session, processors: &str) -> Trail {
    let lake = session.path("lake").display().to_string();
    let toml = format!("{processors}\n[[exporters]]\nname = \"parquet\"\npath = {lake:?}\n");
    let config = Config::builder().text("program.toml", toml).load().unwrap();
    config.start().unwrap()
}

/// Records what an engine also writes to an archive of its own.
fn record(session: &Session, processors: &str) {
    let trail = trail(session, processors);
    let mut reader = WireReader::default();
    let lines = lines();
    let events = lines
        .iter()
        .map(|line| reader.read(&line.as_str().into()).unwrap());
    let events: Vec<TraceEvent> = events.collect();
    for run in events.chunks(EVENTS_OF_A_RUN as usize) {
        for event in run {
            trail.emit(event.clone());
        }
        trail.finish_run(&run[0].request_id);
    }
    let report = trail.shutdown(Duration::from_secs(20));
    assert_eq!(report.stats.imbalance(), 0, "{report}");
    session.write("events.jsonl", lines.join("\n"));
}

const HALF: &str = "[[processors]]\nname = \"sample\"\nrate = 0.5\n";

fn journals(session: &Session) -> Vec<JournalFile> {
    list(session.path("lake/_runtrail/journal")).unwrap()
}

#[test]
fn runs_that_were_sampled_out_are_expected_and_others_are_not() {
    let session = Session::new();
    record(&session, HALF);
    let files = journals(&session);
    let journal = Journal::read(files[0].path()).unwrap();
    assert_eq!((files.len(), journal.state()), (1, State::Completed));
    let kept: u64 = journal
        .files()
        .filter(|file| file.part.as_deref() == Some("events"))
        .map(|file| file.rows)
        .sum();
    assert!(kept > 0 && journal.dropped() > 0);
    assert_eq!(kept + journal.dropped(), RUNS * EVENTS_OF_A_RUN);
    assert_eq!(journal.drops().next().unwrap().cause, "sampled_out");
    assert_eq!(journal.phase(Phase::Planned).count(), 1);

    let missing = journal.dropped() / EVENTS_OF_A_RUN;
    for more in [&[][..], &["--deep"]] {
        let (report, ended) = session.verify(more);
        assert_eq!(ended.code, 4, "{report}");
        assert_eq!(report["verdict"], "not_compared");
        assert_eq!(
            report["outcomes"],
            json!({ "sampled_out": missing }),
            "{report}"
        );
    }

    // One run more than the journal tells of.
    let more = event(
        "run-98",
        0,
        "annotation",
        None,
        &[],
        &json!({ "key": "k", "value": 1 }),
    );
    session.write("events.jsonl", lines().join("\n") + "\n" + &more);
    let (report, ended) = session.verify(&[]);
    assert_eq!((ended.code, &report["verdict"]), (1, &json!("mismatch")));

    // Without the journal nothing is expected.
    session.write("events.jsonl", lines().join("\n"));
    fs::remove_file(journals(&session)[0].path()).unwrap();
    let (report, _) = session.verify(&[]);
    assert_eq!(
        report["outcomes"],
        json!({ "missing_run": missing }),
        "{report}"
    );
}

#[test]
fn events_that_a_filter_dropped_are_expected_as_well() {
    let session = Session::new();
    record(
        &session,
        "[[processors]]\nname = \"drop_ops\"\nops = [\"main.ask\"]\n",
    );
    let (report, _) = session.verify(&[]);
    assert_eq!(
        report["outcomes"],
        json!({ "sampled_out": 2 * RUNS }),
        "{report}"
    );
    let told = session.answer(&["journal", "lake", "last", "--utc"]);
    assert!(
        told.contains("degraded\n  80 events left out: filtered\n"),
        "{told}"
    );
}

#[test]
fn a_program_that_loses_nothing_matches() {
    let session = Session::new();
    record(&session, "");
    let (report, ended) = session.verify(&["--deep"]);
    assert_eq!((ended.code, &report["verdict"]), (0, &json!("match")));
    let listed = session.json(&["journal", "lake", "--format", "json"]);
    assert_eq!(
        (&listed[0]["state"], &listed[0]["degraded"]),
        (&json!("completed"), &json!(0))
    );
}

#[test]
fn a_note_of_a_loss_is_expected_where_the_loss_is() {
    let session = Session::new();
    let all = lines();
    session.write("events.jsonl", all.join("\n"));
    // What a full queue makes of a run: an op is gone, and the stream says so.
    let lost = json!({ "key": "runtrail.lost", "value": { "events": 2, "queue_full.op_start": 1, "queue_full.op_end": 1 } });
    let mut left = all;
    let note = event("run-00", 2, "annotation", None, &[], &lost);
    left[1] = note.replace("\"run-00-2\"", "\"run-00-2-lost\"");
    left.remove(2);
    session.write("left.jsonl", left.join("\n"));
    session.answer(&["export", "left.jsonl", "--to", "lake"]);
    let outcomes = |session: &Session| session.verify(&[]).0["outcomes"].clone();
    assert_eq!(
        outcomes(&session),
        json!({ "extra_event": 1, "missing_event": 2 })
    );

    let time = "2026-11-21T03:00:00Z";
    let entries = |count| {
        format!(
            "{{\"seq\":0,\"time\":\"{time}\",\"mono_us\":0,\"entry\":\"dropped\",\"cause\":\"queue_full\",\"count\":{count}}}\n\
             {{\"seq\":1,\"time\":\"{time}\",\"mono_us\":1,\"entry\":\"run_completed\",\"status\":\"partial\",\"duration_us\":1}}\n"
        )
    };
    session.write("lake/_runtrail/journal/z.jsonl", entries(2));
    assert_eq!(outcomes(&session), json!({ "sampled_out": 3 }));
    session.write("lake/_runtrail/journal/z.jsonl", entries(1));
    assert_eq!(
        outcomes(&session),
        json!({ "extra_event": 1, "missing_event": 2 })
    );
}
