//! Lakes that lack a part which their log lists.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::support::{Session, op};

fn archive(runs: &[&str]) -> String {
    let ok = json!({"status": "ok"});
    let lines = runs.iter().flat_map(|run| op(run, 0, "x", &[], &ok));
    lines.map(|line| line + "\n").collect()
}

/// Removes the one part of a table.
fn lose(session: &Session, table: &str) -> PathBuf {
    let parts = session.files(&format!("lake/{table}"));
    assert_eq!(parts.len(), 1, "{table}");
    fs::remove_file(&parts[0].0).unwrap();
    parts[0].0.clone()
}

/// What the lake is made of, without its journals.
fn files(session: &Session) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = session.files("lake");
    files.retain(|(path, _)| !path.starts_with(session.path("lake/_runtrail/journal")));
    files
}

fn is_whole(session: &Session, sources: &[&str]) {
    let verify = [&["verify"], sources, &["--lake", "lake", "--deep"]].concat();
    let verified = session.run(&verify);
    assert_eq!(verified.code, 0, "{verified:?}");
    let runs = |sources: &[&str]| {
        let answer = session.json(&[&["runs"], sources, &["--format", "json"]].concat());
        answer.as_array().unwrap().clone()
    };
    assert_eq!(runs(&["lake"]), runs(sources));
}

#[test]
fn a_part_that_is_missing_is_put_back_or_exported_anew() {
    for table in ["events", "ops", "runs"] {
        let session = Session::new();
        session.write("a.jsonl", archive(&["r", "s"]));
        session.answer(&["export", "a.jsonl", "--to", "lake"]);
        let complete = files(&session);
        let part = lose(&session, table);
        let (name, before) = (
            part.strip_prefix(session.path("lake")).unwrap(),
            files(&session),
        );
        let name = name.display().to_string();

        // Whether there is something to do or not.
        for more in [&["r", "s"][..], &["r", "s", "t"]] {
            session.write("a.jsonl", archive(more));
            let refused = session.run(&["export", "a.jsonl", "--to", "lake"]);
            assert_eq!(refused.code, 4, "{refused:?}");
            let says = |what: &str| refused.stderr.contains(what);
            assert!(
                says(&name) && says("it is not there") && says("--replace") && says(": a.jsonl"),
                "{refused:?}"
            );
            assert!(files(&session) == before, "{table}: nothing is written");
        }
        session.write("a.jsonl", archive(&["r", "s"]));
        session.answer(&["export", "a.jsonl", "--to", "lake", "--replace"]);
        let tables = |files: &[(PathBuf, Vec<u8>)]| -> Vec<_> {
            let log = session.path("lake/_runtrail");
            let tables = files.iter().filter(|(path, _)| !path.starts_with(&log));
            tables.cloned().collect()
        };
        assert!(tables(&files(&session)) == tables(&complete), "{table}");
        is_whole(&session, &["a.jsonl"]);
        assert!(
            session
                .answer(&["export", "a.jsonl", "--to", "lake"])
                .contains("nothing to do")
        );
    }
}

#[test]
fn a_lake_is_mended_by_sources_that_have_grown_or_changed() {
    for runs in [&["r", "s", "t"][..], &["z"]] {
        let session = Session::new();
        session.write("a.jsonl", archive(&["r", "s"]));
        session.answer(&["export", "a.jsonl", "--to", "lake"]);
        lose(&session, "events");
        session.write("a.jsonl", archive(runs));
        session.answer(&["export", "a.jsonl", "--to", "lake", "--replace"]);
        is_whole(&session, &["a.jsonl"]);
    }
}

#[test]
fn all_that_was_exported_together_is_asked_for() {
    let session = Session::new();
    session.write("a.jsonl", archive(&["r"]));
    session.write("b.jsonl", archive(&["s"]));
    session.write("c.jsonl", archive(&["t"]));
    session.answer(&["export", "a.jsonl", "b.jsonl", "--to", "lake"]);
    lose(&session, "runs");
    let refused = session.run(&["export", "b.jsonl", "c.jsonl", "--to", "lake", "--replace"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(
        refused.stderr.contains("name these sources too") && refused.stderr.contains(": a.jsonl\n"),
        "{refused:?}"
    );
    let all = ["a.jsonl", "b.jsonl", "c.jsonl"];
    session.answer(&[&["export"], &all[..], &["--to", "lake", "--replace"]].concat());
    is_whole(&session, &all);
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_gives_way_to_what_cannot_be_read() {
    let session = Session::new();
    session.write("a.jsonl", archive(&["r", "s"]));
    session.answer(&["export", "a.jsonl", "--to", "lake"]);
    lose(&session, "runs");
    let before = files(&session);
    // A file that can be opened and fails to be read.
    fs::remove_file(session.path("a.jsonl")).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", session.path("a.jsonl")).unwrap();
    let failed = session.run(&["export", "a.jsonl", "--to", "lake", "--replace"]);
    assert_eq!(failed.code, 4, "{failed:?}");
    assert!(
        failed.stderr.contains("could not be read anew"),
        "{failed:?}"
    );
    assert!(files(&session) == before);
}

#[test]
fn views_of_a_lake_that_lacks_events_say_so_at_their_end() {
    let session = Session::new();
    session.write("a.jsonl", archive(&["r"]));
    session.answer(&["export", "a.jsonl", "--to", "lake"]);
    session.write("b.jsonl", archive(&["s"]));
    session.answer(&["export", "b.jsonl", "--to", "lake"]);
    let parts = session.files("lake/events");
    fs::remove_file(&parts[0].0).unwrap();
    let shown = session.run(&["runs", "lake", "--format", "json"]);
    let runs: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((shown.code, runs.as_array().unwrap().len()), (4, 1));
    let left = runs[0]["request_id"].as_str().unwrap();
    for view in [
        &["cat", "lake"][..],
        &["tree", "lake", left],
        &["replay", "lake", left],
    ] {
        assert_eq!(session.run(view).code, 4, "{view:?}");
    }
    let gone = session.run(&["tree", "lake", if left == "r" { "s" } else { "r" }]);
    assert_eq!(gone.code, 4);
    assert!(gone.stderr.contains("it is not there"), "{gone:?}");
}
