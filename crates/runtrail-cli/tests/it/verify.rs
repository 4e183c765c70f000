//! `runtrail verify`, on lakes that are whole and on lakes that are not.

use std::fs;
use std::path::PathBuf;

use super::support::{Session, op};
use serde_json::{Value, json};

/// Some runs in `events.jsonl`, one of them twice as it stands, and a lake of them.
fn session() -> Session {
    let session = Session::new();
    session.write("events.jsonl", archive());
    session.answer(&["export", "events.jsonl", "--to", "lake"]);
    session
}

fn archive() -> String {
    let run = |run: usize| {
        let name = format!("run-{run:02}");
        let ops = (0..5).flat_map(|at| {
            let end = json!({"status": "ok", "outputs": format!("run {run} op {at}")});
            op(&name, at * 2, &format!("main.op{at}"), &["main"], &end)
        });
        ops.collect::<Vec<_>>().join("\n")
    };
    let mut lines: Vec<String> = (0..20).map(run).collect();
    lines.push(run(3));
    lines.join("\n") + "\n"
}

/// The parts of a table.
fn parts(session: &Session, table: &str) -> Vec<PathBuf> {
    session
        .files(&format!("lake/{table}"))
        .into_iter()
        .map(|(path, _)| path)
        .collect()
}

fn has(report: &Value, outcome: &str, test: impl Fn(&Value) -> bool) -> bool {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .any(|finding| finding["outcome"] == outcome && test(finding))
}

#[test]
fn every_recorded_archive_matches_its_lake() {
    let session = Session::with_engine();
    assert_eq!(session.run(&["export", "engine", "--to", "lake"]).code, 3);
    for depth in [&[][..], &["--deep"], &["--quick"]] {
        let args = [&["verify", "engine", "--lake", "lake"], depth].concat();
        let ended = session.run(&args);
        assert_eq!(
            ended.code, 0,
            "{depth:?}: {} {}",
            ended.stdout, ended.stderr
        );
    }
    // Lakes are sources like any other.
    session.answer(&["export", "lake", "--to", "second"]);
    assert_eq!(
        session
            .run(&["verify", "lake", "--lake", "second", "--deep"])
            .code,
        0
    );
}

#[test]
fn a_whole_lake_matches_and_repeats_are_no_difference() {
    let session = session();
    for depth in [
        &[][..],
        &["--deep"],
        &["--memory", "64MiB", "--threads", "1"],
    ] {
        let (report, ended) = session.verify(depth);
        assert_eq!(
            (ended.code, &report["verdict"]),
            (0, &json!("match")),
            "{report}"
        );
        assert_eq!(
            (&report["source_events"], &report["lake_events"]),
            (&json!(210), &json!(200))
        );
        assert_eq!(
            (&report["runs_matching"], &report["runs_compared_closely"]),
            (&json!(20), &json!(1))
        );
    }
    assert_eq!(session.verify(&["--deep"]).0["replays_matching"], json!(20));
    assert_eq!(session.verify(&["--quick"]).1.code, 0);
}

#[test]
fn a_byte_that_flipped_is_never_a_match() {
    for table in ["events", "ops", "runs"] {
        let session = session();
        let part = parts(&session, table).remove(0);
        let sound = fs::read(&part).unwrap();
        let name = part.file_name().unwrap().to_str().unwrap();
        for at in (0..sound.len()).step_by(sound.len() / 12) {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x10;
            fs::write(&part, damaged).unwrap();
            let (report, ended) = session.verify(&[]);
            assert!(ended.code == 1 || ended.code == 4, "{table} {at}: {report}");
            assert_ne!(report["verdict"], "match");
            let findings = report["findings"].as_array().unwrap();
            let named = |key: &str, test: &dyn Fn(&str) -> bool| {
                findings
                    .iter()
                    .any(|finding| finding[key].as_str().is_some_and(test))
            };
            assert!(
                named("part", &|part| part.contains(name)),
                "{table} {at}: {report}"
            );
            // Where the footer itself is damaged, only the events tell which runs were in the part.
            let footer_is_sound = !report["outcomes"]
                .as_object()
                .unwrap()
                .contains_key("unreadable");
            assert!(
                !(footer_is_sound || table == "events")
                    || named("run", &|run| run.starts_with("run-")),
                "{table} {at}: {report}"
            );
        }
    }
}

#[test]
fn a_file_that_is_gone_or_too_many_is_named() {
    let session = session();
    let part = parts(&session, "events").remove(0);
    fs::copy(&part, part.with_file_name("copy.parquet")).unwrap();
    for depth in ["--quick", "--deep"] {
        let (report, ended) = session.verify(&[depth]);
        assert_eq!(ended.code, 1);
        assert!(
            has(&report, "extra_event", |f| f["part"]
                .as_str()
                .unwrap()
                .ends_with("copy.parquet")
                && f["run"] == "run-00"),
            "{report}"
        );
    }
    fs::remove_file(part.with_file_name("copy.parquet")).unwrap();
    fs::remove_file(&part).unwrap();
    let (report, ended) = session.verify(&[]);
    let name = part.file_name().unwrap().to_str().unwrap();
    assert_eq!(ended.code, 1);
    assert!(
        has(&report, "missing_run", |f| f["run"] == "run-07"
            && f["part"].as_str().unwrap().ends_with(name)),
        "{report}"
    );
    assert_eq!(session.verify(&["--quick"]).1.code, 1);
}

/// A lake of another archive than the one that it is compared with.
fn lake_of(change: impl Fn(&mut Vec<String>)) -> (Session, Value) {
    let session = Session::new();
    let mut lines: Vec<String> = archive().lines().map(str::to_owned).collect();
    session.write("events.jsonl", lines.join("\n"));
    change(&mut lines);
    session.write("other.jsonl", lines.join("\n"));
    session.answer(&["export", "other.jsonl", "--to", "lake"]);
    let (report, ended) = session.verify(&["--deep"]);
    assert_eq!(ended.code, 1, "{report}");
    (session, report)
}

#[test]
fn rows_that_lack_are_too_many_or_differ_are_named_with_their_run_and_part() {
    let in_part = |f: &Value| f["part"].as_str().unwrap().starts_with("events/date=");
    let (_, report) = lake_of(|lines| drop(lines.remove(42)));
    assert_eq!(report["outcomes"], json!({"missing_event": 1}), "{report}");
    assert!(has(&report, "missing_event", |f| f["run"] == "run-04"
        && f["event"] == "run-04-2"
        && in_part(f)));

    let (_, report) = lake_of(|lines| lines.push(lines[0].replace("run-00-0", "run-00-x")));
    assert!(
        has(&report, "extra_event", |f| f["event"] == "run-00-x"
            && in_part(f)),
        "{report}"
    );

    let (_, report) = lake_of(|lines| {
        let (one, other) = (lines[51].clone(), lines[53].clone());
        lines[51] = one.replace("run 5 op 0", "run 5 op 1");
        lines[53] = other.replace("run 5 op 1", "run 5 op 0");
    });
    assert_eq!(report["outcomes"], json!({"payload": 2}), "{report}");
    assert!(has(&report, "payload", |f| f["run"] == "run-05" && in_part(f)));

    let (_, report) = lake_of(|lines| lines[60] = lines[60].replace("\"seq\":0", "\"seq\":99"));
    assert!(
        has(&report, "order", |f| f["run"] == "run-06" && in_part(f)),
        "{report}"
    );

    let (_, report) = lake_of(|lines| lines.retain(|line| !line.contains("run-09")));
    assert_eq!(report["outcomes"], json!({"missing_run": 1}), "{report}");
    assert!(has(&report, "missing_run", |f| f["run"] == "run-09"));
}

#[test]
fn rows_that_are_there_twice_are_counted() {
    let session = session();
    let (log, part) = (
        session.path("lake/_runtrail/log/00000000000000000000.json"),
        parts(&session, "events").remove(0),
    );
    // A second export of the same rows under another name, as of a lake that was joined by hand.
    let copy = part.with_file_name("twice.parquet");
    fs::copy(&part, &copy).unwrap();
    let record = fs::read_to_string(&log).unwrap();
    let name = part.file_name().unwrap().to_str().unwrap();
    fs::write(
        log.with_file_name("00000000000000000001.json"),
        record.replace(name, "twice.parquet"),
    )
    .unwrap();
    let (report, ended) = session.verify(&[]);
    assert_eq!(ended.code, 1);
    assert!(
        has(&report, "count", |f| f["run"] == "run-11"
            && f["part"].as_str().unwrap().contains("twice")),
        "{report}"
    );
}

#[test]
fn what_could_not_be_compared_is_neither_yes_nor_no() {
    let session = session();
    let log = session.path("lake/_runtrail/log/00000000000000000000.json");
    let record = fs::read_to_string(&log).unwrap();
    fs::write(&log, &record[..record.len() / 2]).unwrap();
    let (report, ended) = session.verify(&["--quick"]);
    assert_eq!(ended.code, 4, "{report}");
    assert!(has(&report, "unreadable", |f| f["part"]
        .as_str()
        .unwrap()
        .contains("_runtrail/log/")));
    fs::remove_file(&log).unwrap();
    let (report, ended) = session.verify(&[]);
    assert_eq!(
        (ended.code, &report["verdict"]),
        (4, &json!("not_compared")),
        "{report}"
    );
    assert!(has(&report, "interrupted", |_| true));
    fs::write(&log, &record).unwrap();
}

const ENDED: &str = r#""run_completed","status":"ok","duration_us":1"#;

/// The lines of a journal of entries.
fn journal_of(entries: &[&str]) -> String {
    let line = |(seq, entry)| {
        format!(
            "{{\"seq\":{seq},\"time\":\"2026-11-21T03:00:00Z\",\"mono_us\":{seq},\"entry\":{entry}}}\n"
        )
    };
    entries.iter().enumerate().map(line).collect()
}

#[test]
fn journals_and_the_log_say_what_is_expected_to_lack() {
    let session = session();
    // A journal that does not end; one that does.
    session.write(
        "lake/_runtrail/journal/9.jsonl",
        journal_of(&[r#""warning","message":"slow""#]) + "{\"seq\":1,\"ti",
    );
    assert!(has(&session.verify(&[]).0, "interrupted", |f| f["part"]
        == "_runtrail/journal/9.jsonl"));
    session.write("lake/_runtrail/journal/9.jsonl", journal_of(&[ENDED]));
    assert_eq!(session.verify(&[]).1.code, 0);

    // What has grown since, and what a program left out.
    let more = archive() + &op("run-99", 0, "late", &[], &json!({})).join("\n");
    session.write("events.jsonl", more);
    let (report, ended) = session.verify(&[]);
    assert_eq!(ended.code, 4, "{report}");
    assert!(has(&report, "pending", |f| f["run"] == "run-99"));
    let journal = journal_of(&[r#""dropped","cause":"sampled_out","count":2"#, ENDED]);
    session.write("lake/_runtrail/journal/9.jsonl", journal);
    fs::copy(session.path("events.jsonl"), session.path("all.jsonl")).unwrap();
    let report = session.json(&["verify", "all.jsonl", "--lake", "lake", "--format", "json"]);
    assert!(
        has(&report, "sampled_out", |f| f["run"] == "run-99"),
        "{report}"
    );
    assert_eq!(report["verdict"], "not_compared");

    let ended = session.run(&["verify", "events.jsonl", "missing.jsonl", "--lake", "lake"]);
    assert_eq!(ended.code, 4);
    assert_eq!(
        session
            .run(&["verify", "events.jsonl", "--lake", "nowhere"])
            .code,
        4
    );
    assert_eq!(
        session
            .run(&[
                "verify",
                "events.jsonl",
                "--lake",
                "lake",
                "--quick",
                "--deep"
            ])
            .code,
        2
    );
    assert_eq!(
        session
            .run(&[
                "verify",
                "events.jsonl",
                "--lake",
                "lake",
                "--memory",
                "1MiB"
            ])
            .code,
        2
    );
}

#[test]
fn a_lake_without_its_events_cannot_be_compared() {
    let session = Session::new();
    session.write("events.jsonl", archive());
    session.answer(&["export", "events.jsonl", "--to", "lake", "--tables", "runs"]);
    let (report, ended) = session.verify(&["--deep"]);
    assert_eq!(ended.code, 4);
    assert!(has(&report, "limited", |_| true), "{report}");
}

#[test]
fn answers_are_written_in_every_format() {
    let mut session = session();
    session
        .tell(&["verify", "events.jsonl", "--lake", "lake", "--deep"])
        .tell(&["verify", "events.jsonl", "--lake", "lake", "--quick"]);
    let mut lines: Vec<String> = archive().lines().map(str::to_owned).collect();
    lines[7] = lines[7].replace("run 0 op 3", "run 0 op 4");
    session.write("other.jsonl", lines.join("\n"));
    session
        .tell(&["verify", "other.jsonl", "--lake", "lake"])
        .tell(&[
            "verify",
            "other.jsonl",
            "--lake",
            "lake",
            "--format",
            "markdown",
        ])
        .tell(&[
            "verify",
            "other.jsonl",
            "--lake",
            "lake",
            "--format",
            "jsonl",
        ])
        .check("verify");
}
