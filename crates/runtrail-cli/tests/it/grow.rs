//! Exports of archives that have grown, changed, or are there already.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::support::{Session, event, op};

fn runs(session: &Session, source: &str) -> Vec<Value> {
    let lines = session.answer(&["runs", source, "--format", "jsonl"]);
    let mut runs: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    runs.sort_by_key(|run| run["request_id"].to_string());
    runs
}

fn events(session: &Session, source: &str) -> Vec<String> {
    let lines = session.answer(&["cat", source, "--format", "jsonl"]);
    let mut events: Vec<String> = lines.lines().map(str::to_owned).collect();
    events.sort();
    events
}

/// Rows of the table `runs` that the lake says it has.
fn rows_of_runs(session: &Session, lake: &str) -> u64 {
    let mut live = std::collections::BTreeMap::new();
    let log = fs::read_dir(session.path(lake).join("_runtrail/log")).unwrap();
    let mut records: Vec<_> = log.map(|entry| entry.unwrap().path()).collect();
    records.sort();
    for record in records {
        let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
        for gone in record["removes"].as_array().into_iter().flatten() {
            live.remove(gone.as_str().unwrap());
        }
        for part in record["parts"].as_array().unwrap() {
            if part["table"] == "runs" {
                let path = part["path"].as_str().unwrap().to_owned();
                live.insert(path, part["rows"].as_u64().unwrap());
            }
        }
    }
    let there = session.files(&format!("{lake}/runs")).into_iter();
    let there: Vec<_> = there.map(|(path, _)| path).collect();
    let listed = live.keys().map(|path| session.path(lake).join(path));
    assert_eq!(there, listed.collect::<Vec<_>>());
    live.into_values().sum()
}

fn append(session: &Session, name: &str, text: &str) {
    let file = fs::File::options()
        .append(true)
        .create(true)
        .open(session.path(name));
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

fn export(session: &Session, more: &[&str]) -> Value {
    let args = ["export", "a.jsonl", "--to", "lake", "--format", "json"];
    let ended = session.run(&[&args[..], more].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

fn ok() -> Value {
    json!({"status": "ok"})
}

fn lines(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

#[test]
fn the_same_export_again_does_nothing_under_any_name() {
    let session = Session::new();
    session.write("a.jsonl", lines(&op("r", 0, "x", &[], &ok())));
    assert_eq!(export(&session, &[])["events_written"], 2);
    let before = session.files("lake");
    let again = export(&session, &[]);
    assert_eq!(again["unchanged"], json!(["a.jsonl"]));
    assert_eq!(again["records_read"], 0);
    fs::copy(session.path("a.jsonl"), session.path("b.jsonl")).unwrap();
    let copy = ["export", "b.jsonl", "--to", "lake"];
    assert_eq!(
        session.answer(&copy),
        "✓ nothing to do: lake holds b.jsonl as it is\n"
    );
    let named = session.files("lake");
    let tables = |files: &[(PathBuf, Vec<u8>)]| {
        let mut files = files.to_vec();
        files.retain(|(path, _)| {
            !path
                .components()
                .any(|part| part.as_os_str() == "_runtrail")
        });
        files
    };
    assert!(tables(&named) == tables(&before), "its rows are there");
    session.answer(&copy);
    assert!(session.files("lake") == named, "not a byte changes");

    // What cannot be told from something new is read, and its events are not doubled.
    let text = fs::read(session.path("a.jsonl")).unwrap();
    session.write("c.jsonl", [&b"\n"[..], &text[..]].concat());
    let args = ["export", "c.jsonl", "--to", "lake", "--format", "json"];
    let summary = session.json(&args);
    assert_eq!(
        (&summary["duplicates"], &summary["events_written"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(events(&session, "lake"), events(&session, "a.jsonl"));
    assert_eq!(rows_of_runs(&session, "lake"), 1);
}

#[test]
fn a_run_that_crosses_exports_is_one_row() {
    let session = Session::new();
    let first = event("night", 0, "op_start", Some("long"), &[], &json!({}));
    let other = op("day", 1, "x", &[], &ok());
    session.write(
        "a.jsonl",
        lines(&[first, other[0].clone(), other[1].clone()]),
    );
    let summary = export(&session, &["--open-runs", "carry"]);
    assert_eq!(
        (&summary["runs"], &summary["runs_carried"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(rows_of_runs(&session, "lake"), 1);

    // The rest of a line that is being written waits for its end.
    let end = event("night", 5, "op_end", Some("long"), &[], &ok());
    append(&session, "a.jsonl", &end[..20]);
    assert_eq!(export(&session, &[])["unchanged"], json!(["a.jsonl"]));
    append(&session, "a.jsonl", &format!("{}\n", &end[20..]));
    let summary = export(&session, &[]);
    assert_eq!(summary["continued"], json!(["a.jsonl"]));
    assert_eq!(
        [
            &summary["runs"],
            &summary["runs_carried"],
            &summary["runs_rewritten"]
        ],
        [&json!(1), &json!(0), &json!(0)]
    );
    assert_eq!(rows_of_runs(&session, "lake"), 2);
    assert_eq!(runs(&session, "lake"), runs(&session, "a.jsonl"));

    // A run that nothing was open of goes on all the same.
    append(&session, "a.jsonl", &lines(&op("day", 7, "y", &[], &ok())));
    let summary = export(&session, &[]);
    assert_eq!(
        [
            &summary["runs_rewritten"],
            &summary["events_rewritten"],
            &summary["events_written"]
        ],
        [&json!(1), &json!(2), &json!(2)]
    );
    assert_eq!(rows_of_runs(&session, "lake"), 2);
    assert_eq!(events(&session, "lake"), events(&session, "a.jsonl"));
    let verify = ["verify", "a.jsonl", "--lake", "lake", "--deep"];
    assert_eq!(session.run(&verify).code, 0, "{:?}", session.run(&verify));
}

#[test]
fn a_source_of_unknown_end_is_read_anew_and_nothing_is_doubled() {
    let session = Session::new();
    let first = event("night", 0, "op_start", Some("long"), &[], &json!({}));
    let day = op("day", 1, "x", &[], &ok());
    session.write("a.jsonl", lines(&[&[first][..], &day[..]].concat()));
    export(&session, &["--open-runs", "carry"]);
    // As the log says it of a source whose first look failed.
    let record = "lake/_runtrail/log/00000000000000000000.json";
    let text = fs::read(session.path(record)).unwrap();
    let mut said: Value = serde_json::from_slice(&text).unwrap();
    let resume = said["sources"][0].as_object_mut().unwrap().remove("resume");
    assert!(resume.is_some());
    session.write(record, serde_json::to_string(&said).unwrap());

    assert_eq!(export(&session, &[])["unchanged"], json!(["a.jsonl"]));
    let end = event("night", 5, "op_end", Some("long"), &[], &ok());
    let more = [&[end][..], &op("day", 7, "y", &[], &ok())[..]].concat();
    append(&session, "a.jsonl", &lines(&more));
    let summary = export(&session, &[]);
    assert_eq!(
        (&summary["continued"], &summary["runs_rewritten"]),
        (&json!([]), &json!(2))
    );
    assert_eq!(rows_of_runs(&session, "lake"), 2);
    assert_eq!(runs(&session, "lake"), runs(&session, "a.jsonl"));
    assert_eq!(events(&session, "lake"), events(&session, "a.jsonl"));
    let verify = ["verify", "a.jsonl", "--lake", "lake", "--deep"];
    assert_eq!(session.run(&verify).code, 0, "{:?}", session.run(&verify));
    // Now it is known.
    append(&session, "a.jsonl", &lines(&op("late", 9, "z", &[], &ok())));
    assert_eq!(export(&session, &[])["continued"], json!(["a.jsonl"]));
}

#[test]
fn carried_runs_are_closed_when_that_is_asked_for() {
    let session = Session::new();
    let open = event("r", 0, "op_start", Some("long"), &[], &json!({}));
    session.write("a.jsonl", lines(&[open]));
    export(&session, &["--open-runs", "carry"]);
    assert!(!session.path("lake/runs").exists());
    let summary = export(&session, &["--open-runs", "truncate"]);
    assert_eq!(
        (&summary["runs"], &summary["truncated_ops"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(rows_of_runs(&session, "lake"), 1);
    assert_eq!(runs(&session, "lake"), runs(&session, "a.jsonl"));
    assert!(!session.path("lake/_runtrail/carried").exists());
}

#[test]
fn a_source_that_has_changed_is_refused_or_replaced() {
    let session = Session::new();
    session.write("a.jsonl", lines(&op("old", 0, "x", &[], &ok())));
    session.write("b.jsonl", lines(&op("both", 0, "x", &[], &ok())));
    let both = ["export", "a.jsonl", "b.jsonl", "--to", "lake"];
    session.answer(&both);
    session.write("a.jsonl", lines(&op("new", 0, "xx", &[], &ok())));
    let before = session.files("lake");
    let refused = session.run(&both);
    assert_eq!(refused.code, 2);
    assert!(
        refused
            .stderr
            .contains("a.jsonl: not what was exported of it before"),
        "{refused:?}"
    );
    let alone = session.run(&["export", "a.jsonl", "--to", "lake", "--replace"]);
    assert_eq!(alone.code, 2);
    assert!(
        alone.stderr.contains("holds more than is named: b.jsonl"),
        "{alone:?}"
    );
    assert!(session.files("lake") == before, "a refusal changes nothing");

    session.answer(&[&both[..], &["--replace"]].concat());
    let names: Vec<Value> = runs(&session, "lake")
        .iter()
        .map(|run| run["request_id"].clone())
        .collect();
    assert_eq!(names, ["both", "new"]);
    assert_eq!(rows_of_runs(&session, "lake"), 2);
    let verify = ["verify", "a.jsonl", "b.jsonl", "--lake", "lake", "--deep"];
    assert_eq!(session.run(&verify).code, 0);
    assert!(session.answer(&both).contains("nothing to do"));
}

#[test]
fn a_lake_that_was_exported_is_not_read_again_until_it_changes() {
    let session = Session::new();
    session.write("a.jsonl", lines(&op("r", 0, "x", &[], &ok())));
    export(&session, &[]);
    let on = ["export", "lake", "--to", "other", "--format", "json"];
    assert_eq!(session.json(&on)["events_written"], 2);
    let before = session.files("other");
    let again = session.json(&on);
    assert_eq!(
        (&again["unchanged"], &again["records_read"]),
        (&json!(["lake"]), &json!(0))
    );
    assert!(session.files("other") == before, "not a byte changes");

    append(&session, "a.jsonl", &lines(&op("s", 9, "x", &[], &ok())));
    export(&session, &[]);
    let more = session.json(&on);
    assert_eq!(
        (&more["events_written"], &more["duplicates"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(events(&session, "other"), events(&session, "lake"));
    assert_eq!(session.json(&on)["records_read"], 0);
}

/// The ids of the runs that the lake holds.
fn held(session: &Session) -> Vec<String> {
    let held = runs(session, "lake").into_iter();
    held.map(|run| run["request_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_a_copy_holds_does_not_give_way_with_what_it_is_a_copy_of() {
    let session = Session::new();
    session.write("a.jsonl", lines(&op("old", 0, "x", &[], &ok())));
    export(&session, &[]);
    fs::rename(session.path("a.jsonl"), session.path("a.jsonl.1")).unwrap();
    session.write("a.jsonl", lines(&op("new", 0, "xx", &[], &ok())));
    let both = [
        "export",
        "a.jsonl.1",
        "a.jsonl",
        "--to",
        "lake",
        "--replace",
    ];
    session.answer(&both);
    assert_eq!(held(&session), ["new", "old"]);
    let verify = ["verify", "a.jsonl", "a.jsonl.1", "--lake", "lake", "--deep"];
    assert_eq!(session.run(&verify).code, 0);

    // A copy that was left out, since its rows were there, is known as well.
    fs::copy(session.path("a.jsonl"), session.path("c.jsonl")).unwrap();
    session.answer(&["export", "c.jsonl", "--to", "lake"]);
    session.write("a.jsonl", lines(&op("newest", 0, "y", &[], &ok())));
    let alone = session.run(&["export", "a.jsonl", "--to", "lake", "--replace"]);
    assert_eq!(alone.code, 2);
    assert!(alone.stderr.contains("c.jsonl"), "{alone:?}");
    let all = ["export", "a.jsonl.1", "a.jsonl", "c.jsonl", "--to", "lake"];
    session.answer(&[&all[..], &["--replace"]].concat());
    assert_eq!(held(&session), ["new", "newest", "old"]);
    assert!(session.answer(&all).contains("nothing to do"));
}

#[test]
fn a_source_that_was_emptied_has_changed() {
    let session = Session::new();
    session.write("a.jsonl", lines(&op("old", 0, "x", &[], &ok())));
    export(&session, &[]);
    session.write("a.jsonl", "");
    let again = ["export", "a.jsonl", "--to", "lake"];
    let refused = session.run(&again);
    assert_eq!(refused.code, 2, "{refused:?}");
    export(&session, &["--replace"]);
    assert_eq!(held(&session), [""; 0]);
    session.write("a.jsonl", lines(&op("new", 0, "x", &[], &ok())));
    export(&session, &[]);
    assert_eq!(held(&session), ["new"]);
}

#[test]
fn another_offset_for_the_same_times_is_a_change() {
    let session = Session::new();
    let text = lines(&op("r", 0, "x", &[], &ok())).replace("Z\"", "\"");
    assert!(!text.contains('Z'), "no offset is stated: {text}");
    session.write("a.jsonl", text);
    let refused = session.run(&["export", "a.jsonl", "--to", "lake"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert_eq!(
        export(&session, &["--assume-tz", "+02:00"])["events_written"],
        2
    );
    let other = ["export", "a.jsonl", "--to", "lake", "--assume-tz", "UTC"];
    let refused = session.run(&other);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("--assume-tz +02:00"), "{refused:?}");
    append(&session, "a.jsonl", "\n");
    assert_eq!(session.run(&other).code, 2, "grown or not");
    export(&session, &["--assume-tz", "UTC", "--replace"]);
    assert_eq!(events(&session, "lake").len(), 2);
}

#[test]
fn a_lake_keeps_its_layout_and_its_log() {
    let session = Session::new();
    session.write("a.jsonl", lines(&op("r", 0, "x", &[], &ok())));
    export(&session, &[]);
    let args = ["export", "a.jsonl", "--to", "lake", "--partition", "hour"];
    let other = session.run(&args);
    assert_eq!(other.code, 2);
    assert!(other.stderr.contains("--partition date"), "{other:?}");
    session.write(
        "lake/_runtrail/log/00000000000000000001.json",
        "{\"parts\":[",
    );
    append(&session, "a.jsonl", &lines(&op("s", 9, "x", &[], &ok())));
    let damaged = session.run(&["export", "a.jsonl", "--to", "lake"]);
    assert_eq!(damaged.code, 4);
    assert!(
        damaged.stderr.contains("the lake's log cannot be read"),
        "{damaged:?}"
    );
}

#[test]
fn two_exports_at_once_are_as_one_after_the_other() {
    let session = Session::new();
    let archive: String = (0..200)
        .map(|run| lines(&op(&format!("r{run}"), run * 2, "x", &[], &ok())))
        .collect();
    session.write("a.jsonl", &archive);
    let rest = archive.split_at(archive.len() / 2).1;
    session.write("b.jsonl", rest.split_once('\n').unwrap().1);
    let start = |source: &str| {
        let mut command = session.command(&["export", source, "--to", "lake"]);
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    for _ in 0..3 {
        let exports = ["a.jsonl", "b.jsonl", "a.jsonl", "b.jsonl"].map(start);
        for mut export in exports {
            assert!(export.wait().unwrap().success());
        }
    }
    assert_eq!(rows_of_runs(&session, "lake"), 200);
    assert_eq!(events(&session, "lake"), events(&session, "a.jsonl"));
}

#[test]
fn an_export_of_trees_that_was_cut_off_goes_on_where_it_was() {
    let session = Session::new();
    let archive = |runs: u64| -> String {
        (0..runs)
            .map(|run| lines(&op(&format!("r{run:04}"), run * 2, "x", &[], &ok())))
            .collect()
    };
    // The folder takes more than one chunk of trees, and then a file stands where a folder is to be.
    session.write("a.jsonl", archive(600));
    let args = [
        "export",
        "a.jsonl",
        "--to",
        "trees",
        "--exporter",
        "json",
        "--format",
        "json",
    ];
    fs::create_dir_all(session.path("trees")).unwrap();
    let blocked = session.path("trees").join(file_of("r0580"));
    fs::create_dir(&blocked).unwrap();
    let failed = session.run(&args);
    assert_eq!(failed.code, 4, "{failed:?}");
    assert!(session.path("trees.journal").is_dir());
    let first = session.path("trees").join(file_of("r0000"));
    fs::write(&first, "acknowledged before").unwrap();
    fs::remove_dir(&blocked).unwrap();

    let summary = session.json(&args);
    assert_eq!(
        (&summary["runs_before"], &summary["events_before"]),
        (&json!(512), &json!(1024))
    );
    assert_eq!(
        (&summary["records_read"], &summary["events_written"]),
        (&json!(1200), &json!(1200))
    );
    assert_eq!(fs::read_to_string(&first).unwrap(), "acknowledged before");
    assert_eq!(fs::read_dir(session.path("trees")).unwrap().count(), 600);
    assert!(!session.path("trees.journal").exists(), "it is complete");

    // Another archive is another export.
    fs::create_dir(session.path("trees").join(file_of("r0600"))).unwrap();
    session.write("a.jsonl", archive(700));
    assert_eq!(session.run(&args).code, 4);
    session.write("a.jsonl", archive(599));
    assert_eq!(session.json(&args)["runs_before"], 0);
}

fn file_of(run: &str) -> String {
    runtrail_core::name::file_name(run, "json")
}
