//! `runtrail verify`, where not everything could be compared: never a match, and no difference either.

use std::fs;

use serde_json::{Value, json};

use super::support::{Session, op};

const DEPTHS: [&[&str]; 2] = [&[], &["--deep"]];

/// The lines of a few runs, named alike.
fn runs(name: &str, count: usize) -> Vec<String> {
    let end = json!({ "status": "ok", "outputs": "x".repeat(20) });
    let run = |run| op(&format!("{name}-{run}"), 0, "main.step", &["main"], &end);
    (0..count).flat_map(run).collect()
}

fn text(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

/// An event whose payload nests so deep.
fn nested(run: &str, depth: usize) -> String {
    let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    format!(
        r#"{{"event_id":"{run}-9","request_id":"{run}","kind":"op_end","op_name":"main.step","ctx":["main"],"timestamp":"2026-11-21T01:00:09Z","seq":9,"payload":{{"outputs":{value}}}}}"#
    )
}

/// Compares, and returns the report with the exit code.
fn verify(session: &Session, sources: &[&str], more: &[&str]) -> (Value, i32) {
    let args = [
        &["verify"],
        sources,
        &["--lake", "lake", "--format", "json"],
        more,
    ]
    .concat();
    let ended = session.run(&args);
    let report = serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {ended:?}"));
    (report, ended.code)
}

fn assert_not_compared(session: &Session, sources: &[&str], more: &[&str], outcomes: &Value) {
    for depth in DEPTHS {
        let (report, code) = verify(session, sources, &[more, depth].concat());
        assert_eq!(
            (code, &report["verdict"], &report["outcomes"]),
            (4, &json!("not_compared"), outcomes),
            "{sources:?} {more:?} {depth:?}: {report:#}"
        );
    }
}

fn assert_match(session: &Session, sources: &[&str], more: &[&str]) {
    for depth in DEPTHS {
        let (report, code) = verify(session, sources, &[more, depth].concat());
        assert_eq!(
            (code, &report["verdict"]),
            (0, &json!("match")),
            "{sources:?} {more:?} {depth:?}: {report:#}"
        );
    }
}

#[test]
fn what_follows_the_damage_of_a_compressed_source_was_not_compared() {
    let session = Session::new();
    session.write("events.jsonl", text(&runs("r", 2000)));
    let zstd = ["--exporter", "jsonl", "--zstd"];
    session.answer(&[&["export", "events.jsonl", "--to", "lines"][..], &zstd].concat());
    let (path, whole) = session.files("lines").remove(0);
    fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let cut = format!("lines/{name}");
    assert_eq!(session.run(&["export", &cut, "--to", "lake"]).code, 3);
    assert_not_compared(&session, &[&cut], &[], &json!({ "unreadable": 1 }));

    // What the lake holds of it beyond the damage is not an event too many.
    let lake = session.path("lake");
    fs::remove_dir_all(&lake).unwrap();
    session.answer(&["export", "events.jsonl", "--to", "lake"]);
    let (report, code) = verify(&session, &[&cut], &[]);
    assert_eq!(
        (code, &report["outcomes"]["extra_event"]),
        (4, &json!(null))
    );
    assert!(
        report["outcomes"]["unreadable"].as_u64().unwrap() > 1,
        "{report:#}"
    );
}

#[test]
fn a_limited_read_is_neither_a_match_nor_a_difference() {
    let session = Session::new();
    let mut lines = runs("r", 3);
    lines.push(nested("r-1", 300));
    session.write("events.jsonl", text(&lines));
    assert_eq!(
        session
            .run(&["export", "events.jsonl", "--to", "lake"])
            .code,
        3
    );
    let sources = ["events.jsonl"];
    assert_not_compared(&session, &sources, &[], &json!({ "limited": 1 }));

    fs::remove_dir_all(session.path("lake")).unwrap();
    let deep = ["--max-depth", "1024"];
    session.answer(&[&["export", "events.jsonl", "--to", "lake"][..], &deep].concat());
    assert_match(&session, &sources, &deep);
    assert_not_compared(&session, &sources, &[], &json!({ "limited": 2 }));

    // One event too many is one that no limit accounts for.
    session.write("fewer.jsonl", text(&lines[1..]));
    let (report, code) = verify(&session, &["fewer.jsonl"], &[]);
    assert_eq!(
        (code, &report["outcomes"]),
        (1, &json!({ "extra_event": 2, "limited": 1 })),
        "{report:#}"
    );
}

#[test]
fn lines_that_the_export_met_as_well_are_compared() {
    let session = Session::new();
    let mut lines = runs("r", 3);
    lines.insert(2, "not json".to_owned());
    lines.push("{\"event_id\":\"cut".to_owned());
    session.write("events.jsonl", lines.join("\n"));
    assert_eq!(
        session
            .run(&["export", "events.jsonl", "--to", "lake"])
            .code,
        3
    );
    assert_match(&session, &["events.jsonl"], &[]);
    // A copy of it is exported once.
    session.write("copy.jsonl", lines.join("\n"));
    assert_match(&session, &["events.jsonl", "copy.jsonl"], &[]);

    // One more, which no export has met: what was there is not known.
    lines[0] = "not json either".to_owned();
    session.write("events.jsonl", lines.join("\n"));
    let (report, code) = verify(&session, &["events.jsonl"], &[]);
    assert_eq!(
        (code, &report["outcomes"]),
        (4, &json!({ "limited": 2 })),
        "{report:#}"
    );
    // One line is not where two events stand.
    lines.remove(1);
    session.write("events.jsonl", lines.join("\n"));
    let (report, code) = verify(&session, &["events.jsonl"], &[]);
    assert_eq!(
        (code, &report["outcomes"]),
        (1, &json!({ "extra_event": 2, "limited": 1 })),
        "{report:#}"
    );
}

#[test]
fn times_that_only_the_export_could_read_are_no_difference() {
    let session = Session::new();
    let lines = text(&runs("r", 3)).replace("Z\"", "\"");
    session.write("events.jsonl", lines);
    let zone = ["--assume-tz", "+02:00"];
    session.answer(&[&["export", "events.jsonl", "--to", "lake"][..], &zone].concat());
    assert_match(&session, &["events.jsonl"], &zone);
    assert_not_compared(&session, &["events.jsonl"], &[], &json!({ "limited": 7 }));
}

#[test]
fn a_source_that_has_become_another_has_not_grown() {
    let session = Session::new();
    let lines = runs("r", 2);
    session.write("v.jsonl", text(&lines));
    session.answer(&["export", "v.jsonl", "--to", "lake"]);
    session.write("w.jsonl", text(&lines));
    session.write("v.jsonl", text(&runs("other", 9)));
    let (report, code) = verify(&session, &["w.jsonl", "v.jsonl"], &[]);
    assert_eq!(
        (code, &report["outcomes"]),
        (1, &json!({ "missing_run": 9 })),
        "{report:#}"
    );
    session.write("v.jsonl", text(&[lines, runs("other", 9)].concat()));
    assert_not_compared(&session, &["v.jsonl"], &[], &json!({ "pending": 10 }));
}

#[test]
fn a_run_without_a_name_is_compared_like_any_other() {
    let session = Session::new();
    session.write("events.jsonl", text(&op("", 0, "a", &[], &json!({}))));
    session.answer(&["export", "events.jsonl", "--to", "lake"]);
    session.write("other.jsonl", text(&op("", 0, "b", &[], &json!({}))));
    let (report, code) = verify(&session, &["other.jsonl"], &[]);
    assert_eq!(
        (code, &report["outcomes"]),
        (1, &json!({ "payload": 2 })),
        "{report:#}"
    );
}

#[test]
fn an_export_without_its_journal_may_not_have_ended() {
    let session = Session::new();
    session.write("events.jsonl", text(&runs("r", 3)));
    session.answer(&["export", "events.jsonl", "--to", "lake"]);
    session.write("more.jsonl", text(&runs("s", 3)));
    session.answer(&["export", "more.jsonl", "--to", "lake"]);
    let sources = ["events.jsonl", "more.jsonl"];
    let journals = session.files("lake/_runtrail/journal");
    assert_eq!(journals.len(), 2);
    let checks = |missing: u64| {
        for depth in [&[][..], &["--quick"], &["--deep"]] {
            let (report, code) = verify(&session, &sources, depth);
            assert_eq!(
                (code, &report["outcomes"]),
                (4, &json!({ "interrupted": missing })),
                "{depth:?}: {report:#}"
            );
        }
    };
    fs::remove_file(&journals[0].0).unwrap();
    checks(1);
    let (report, _) = verify(&session, &sources, &["--quick"]);
    let record = "_runtrail/log/00000000000000000000.json";
    assert_eq!(report["findings"][0]["part"], record);
    fs::remove_dir_all(session.path("lake/_runtrail/journal")).unwrap();
    checks(2);
    // A journal that ends before it names what was written may be that of a record.
    let (path, journal) = &journals[0];
    let begun = journal
        .split_inclusive(|byte| *byte == b'\n')
        .next()
        .unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, begun).unwrap();
    fs::write(&journals[1].0, &journals[1].1).unwrap();
    assert_match(&session, &sources, &[]);
}

#[test]
fn files_of_an_export_that_is_under_way_are_not_too_many() {
    let session = Session::new();
    session.write("events.jsonl", text(&runs("r", 3)));
    session.answer(&["export", "events.jsonl", "--to", "lake"]);
    session.write("more.jsonl", text(&runs("s", 3)));
    session.answer(&["export", "more.jsonl", "--to", "lake"]);
    // As it was when all files were visible, and before the record was.
    let log = session.files("lake/_runtrail/log").remove(1);
    let record: Value = serde_json::from_slice(&log.1).unwrap();
    let parts = record["parts"].as_array().unwrap();
    let paths = parts.iter().map(|part| part["path"].as_str().unwrap());
    let announced: String = paths.flat_map(|path| [path, "\n"]).collect();
    fs::remove_file(&log.0).unwrap();
    let sources = ["events.jsonl", "more.jsonl"];
    let (report, code) = verify(&session, &sources, &["--quick"]);
    let files = announced.lines().count();
    assert_eq!(
        (code, &report["outcomes"]),
        (1, &json!({ "extra_event": files }))
    );
    session.write("lake/_runtrail/tmp/export-1/announced", &announced);
    let (report, code) = verify(&session, &sources, &["--quick"]);
    assert_eq!(
        (code, &report["outcomes"]),
        (4, &json!({ "interrupted": files })),
        "{report:#}"
    );
    let outcomes = json!({ "interrupted": files + 3 });
    assert_not_compared(&session, &sources, &[], &outcomes);
    // A file of somebody else is one too many all the same.
    let first = announced.lines().next().unwrap();
    let stray = session
        .path("lake")
        .join(first)
        .with_file_name("copy.parquet");
    fs::copy(session.path("lake").join(first), stray).unwrap();
    let (report, code) = verify(&session, &sources, &["--quick"]);
    assert_eq!((code, &report["outcomes"]["extra_event"]), (1, &json!(1)));
}
