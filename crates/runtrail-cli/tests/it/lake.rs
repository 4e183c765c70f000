//! Lakes as sources.

use std::fs;

use super::support::Session;

/// A session with the recorded archives, and a lake of them.
fn with_lake() -> Session {
    let session = Session::with_engine();
    // Some of the archives hold what is no event.
    assert_eq!(session.run(&["export", "engine", "--to", "lake"]).code, 3);
    session
}

#[test]
fn a_lake_shows_what_its_archive_shows() {
    let session = with_lake();
    let run = session.json(&["runs", "engine", "--format", "json"])[3]["request_id"].clone();
    let run = run.as_str().unwrap();
    for command in [
        &["runs", "SOURCE", "--format", "jsonl"][..],
        &["runs", "SOURCE", "--sort", "ops", "--utc"],
        &["cat", "SOURCE"],
        &["cat", "SOURCE", "--run", run],
        &[
            "cat",
            "SOURCE",
            "--run",
            &run[..run.len() - 1],
            "--kind",
            "op_end",
        ],
        &["tree", "SOURCE", run, "--format", "json"],
    ] {
        let of = |source: &str| {
            let args: Vec<_> = command
                .iter()
                .map(|arg| arg.replace("SOURCE", source))
                .collect();
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            session.answer(&args)
        };
        assert_eq!(of("lake"), of("engine"), "{command:?}");
    }
    assert_eq!(session.run(&["tree", "lake", "no-such-run"]).code, 1);
}

#[test]
fn a_lake_is_exported_as_its_archive_is() {
    let session = with_lake();
    for (exporter, to) in [("json", "trees"), ("jsonl", "lines"), ("parquet", "again")] {
        for source in ["engine", "lake"] {
            let to = format!("{to}-{source}");
            let ended = session.run(&["export", source, "--to", &to, "--exporter", exporter]);
            assert_eq!(
                ended.code,
                if source == "lake" { 0 } else { 3 },
                "{}",
                ended.stderr
            );
        }
    }
    let tables = |name: &str| {
        let mut files = session.files(name);
        files.retain(|(path, _)| !path.to_string_lossy().contains("_runtrail"));
        let root = session.path(name);
        files
            .into_iter()
            .map(|(path, bytes)| (path.strip_prefix(&root).unwrap().to_owned(), bytes))
            .collect::<Vec<_>>()
    };
    for name in ["trees", "lines", "again"] {
        let (one, other) = (
            tables(&format!("{name}-engine")),
            tables(&format!("{name}-lake")),
        );
        assert!(!one.is_empty() && one == other, "{name}");
    }
}

#[test]
fn what_does_not_belong_to_a_lake_or_lacks_is_said() {
    let session = with_lake();
    let part = session
        .files("lake/events")
        .into_iter()
        .map(|(path, _)| path)
        .next()
        .unwrap();
    fs::copy(&part, session.path("lake/events/copy.parquet")).unwrap();
    let ended = session.run(&["runs", "lake"]);
    assert_eq!(ended.code, 0);
    assert!(
        ended
            .stderr
            .contains("the lake's log does not list it: lake/events/copy.parquet"),
        "{}",
        ended.stderr
    );
    fs::remove_file(part).unwrap();
    let ended = session.run(&["cat", "lake"]);
    assert!(
        ended
            .stderr
            .contains("the lake's log lists it, and it is not there"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_lake_without_its_events_is_no_empty_archive() {
    let session = Session::with_demo();
    let archive = "runtrail-demo/archive";
    session.answer(&["export", archive, "--to", "lake", "--tables", "ops,runs"]);
    for args in [
        &["tree", "lake", "7f3a"][..],
        &["runs", "lake"],
        &["export", "lake", "--to", "second"],
    ] {
        let ended = session.run(args);
        assert_eq!(ended.code, 4, "{args:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("without its events table"),
            "{}",
            ended.stderr
        );
        assert!(!ended.stderr.contains("holds no"), "{}", ended.stderr);
    }
}
