//! Exports into lakes that do not have the table of events.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use super::support::{Session, event, op};

fn ok() -> Value {
    json!({"status": "ok"})
}

fn text(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

/// The tables of a lake, without what it says of itself.
fn tables(session: &Session, lake: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = session.path(lake);
    let files = session.files(lake).into_iter();
    let files = files.map(|(path, bytes)| (path.strip_prefix(&root).unwrap().to_owned(), bytes));
    files
        .filter(|(path, _)| !path.starts_with("_runtrail"))
        .collect()
}

fn export(session: &Session, sources: &[&str], more: &[&str]) -> Value {
    let to = ["--to", "lake", "--format", "json"];
    let ended = session.run(&[&["export"], sources, &to, more].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Asserts that the tables are those of one export of the whole, byte for byte.
fn assert_as_whole(session: &Session, sources: &[&str], more: &[&str]) {
    session.answer(&[&["export"], sources, &["--to", "whole"], more].concat());
    let (lake, whole) = (tables(session, "lake"), tables(session, "whole"));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|file| file.0.clone()).collect();
    let (grown, at_once): (Vec<_>, Vec<_>) = (names(&lake), names(&whole));
    assert_eq!(grown, at_once);
    assert!(lake == whole && !lake.is_empty());
    fs::remove_dir_all(session.path("whole")).unwrap();
}

#[test]
fn a_run_that_goes_on_is_whole() {
    let session = Session::new();
    let tables = ["--tables", "ops,runs"];
    let mut lines = op("r", 0, "x", &[], &ok()).to_vec();
    lines.extend(op("other", 2, "x", &[], &ok()));
    // What was left out as a repeat is counted once, whenever it is read.
    lines.push(lines[0].clone());
    session.write("a.jsonl", text(&lines));
    assert_eq!(export(&session, &["a.jsonl"], &tables)["duplicates"], 1);

    lines.extend(op("r", 5, "y", &[], &ok()));
    session.write("a.jsonl", text(&lines));
    let summary = export(&session, &["a.jsonl"], &tables);
    assert_eq!(
        [
            &summary["continued"],
            &summary["records_read"],
            &summary["events_written"],
            &summary["runs_rewritten"],
            &summary["events_rewritten"],
            &summary["duplicates"],
        ],
        [
            &json!(["a.jsonl"]),
            &json!(2),
            &json!(2),
            &json!(1),
            &json!(2),
            &json!(0)
        ]
    );
    assert_as_whole(&session, &["a.jsonl"], &tables);

    // A repeat alone changes nothing.
    lines.push(lines[1].clone());
    session.write("a.jsonl", text(&lines));
    let summary = export(&session, &["a.jsonl"], &tables);
    assert_eq!(
        [&summary["duplicates"], &summary["events_written"]],
        [&json!(1), &json!(0)]
    );
    assert_as_whole(&session, &["a.jsonl"], &tables);
}

#[test]
fn a_carried_run_that_something_came_late_of_is_whole() {
    let session = Session::new();
    let carry = ["--tables", "ops,groups,runs", "--open-runs", "carry"];
    let mut lines = op("r", 0, "early", &[], &ok()).to_vec();
    lines.push(event("r", 2, "op_start", Some("long"), &[], &json!({})));
    lines.push(event("r", 6, "op_start", Some("last"), &[], &json!({})));
    session.write("a.jsonl", text(&lines));
    assert_eq!(
        export(&session, &["a.jsonl"], &carry)["runs_carried"],
        json!(1)
    );
    // An op before the last event that was exported.
    lines.extend(op("r", 4, "late", &[], &ok()));
    lines.push(event("r", 7, "op_end", Some("last"), &[], &ok()));
    lines.push(event("r", 8, "op_end", Some("long"), &[], &ok()));
    session.write("a.jsonl", text(&lines));
    let summary = export(&session, &["a.jsonl"], &carry);
    assert_eq!(
        [
            &summary["runs_carried"],
            &summary["runs"],
            &summary["ops"],
            &summary["events_rewritten"]
        ],
        [&json!(0), &json!(1), &json!(4), &json!(4)]
    );
    assert_as_whole(&session, &["a.jsonl"], &carry[..2]);
}

#[test]
fn a_beginning_in_another_source_is_asked_for() {
    let session = Session::new();
    let tables = ["--tables", "ops,runs"];
    session.write("a.jsonl", text(&op("r", 0, "x", &[], &ok())));
    export(&session, &["a.jsonl"], &tables);
    session.write("b.jsonl", text(&op("r", 5, "y", &[], &ok())));
    let before = self::tables(&session, "lake");
    let to = ["--to", "lake"];
    let refused = session.run(&[&["export", "b.jsonl"], &to[..], &tables].concat());
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("no table of events")
            && refused.stderr.contains("name these sources too")
            && refused.stderr.contains(": a.jsonl;"),
        "{refused:?}"
    );
    assert!(self::tables(&session, "lake") == before);
    let log = fs::read_dir(session.path("lake/_runtrail/log")).unwrap();
    assert_eq!(log.count(), 1, "a refusal is not recorded");

    let summary = export(&session, &["b.jsonl", "a.jsonl"], &tables);
    assert_eq!(summary["unchanged"], json!(["a.jsonl"]));
    assert_as_whole(&session, &["a.jsonl", "b.jsonl"], &tables);
}

#[test]
fn a_beginning_that_cannot_be_read_again_is_missed() {
    let session = Session::new();
    let lines = op("r", 0, "x", &[], &ok());
    let args = ["export", "-", "--to", "lake", "--tables", "ops,runs"];
    let mut piped = session
        .command(&args)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = piped.stdin.take().unwrap();
    stdin.write_all(text(&lines).as_bytes()).unwrap();
    drop(stdin);
    assert!(piped.wait().unwrap().success());
    session.write("b.jsonl", text(&op("r", 5, "y", &[], &ok())));
    let args = ["export", "b.jsonl", "--to", "lake", "--tables", "ops,runs"];
    let refused = session.run(&args);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("to another folder"), "{refused:?}");

    // Another run needs nothing of what was there.
    session.write("c.jsonl", text(&op("s", 5, "y", &[], &ok())));
    let summary = export(&session, &["c.jsonl"], &args[4..]);
    assert_eq!(
        [&summary["runs"], &summary["runs_rewritten"]],
        [&json!(1), &json!(0)]
    );
}

#[test]
fn a_beginning_that_no_row_tells_of_is_read_too() {
    let session = Session::new();
    let tables = ["--tables", "ops"];
    let group = json!({"name": "g"});
    let start = event("r", 0, "group_start", None, &[], &group);
    session.write("a.jsonl", text(std::slice::from_ref(&start)));
    export(&session, &["a.jsonl"], &tables);
    let lines = [&[start][..], &op("r", 5, "y", &[], &ok())[..]].concat();
    session.write("a.jsonl", text(&lines));
    export(&session, &["a.jsonl"], &tables);
    assert_as_whole(&session, &["a.jsonl"], &tables);
}
