//! `runtrail cat`.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::{Value, json};

use super::support::{Session, op};

#[test]
fn events_are_printed_as_they_are_asked_for() {
    let mut session = Session::with_demo();
    let archive = "runtrail-demo/archive";
    session
        .tell(&["cat", archive, "--run", "7f3a", "--format", "text", "--utc"])
        .tell(&["cat", archive, "--kind", "llm_usage", "--format", "text"])
        .tell(&["cat", archive, "--kind", "llm_usage,media_ref"])
        .tell(&[
            "cat", archive, "--run", "2b81", "--limit", "2", "--format", "markdown",
        ])
        .tell(&["cat", archive, "--kind", "op_pause"])
        .tell(&["cat", archive, "--run", "nope"])
        .check("cat");
}

#[test]
fn what_is_printed_is_an_archive_again() {
    let session = Session::with_engine();
    let ended = session.run(&["cat", "engine"]);
    session.write("all.jsonl", &ended.stdout);
    assert_eq!(session.answer(&["cat", "all.jsonl"]), ended.stdout);
    let array: Vec<Value> =
        serde_json::from_value(session.json(&["cat", "all.jsonl", "--format", "json"])).unwrap();
    let lines: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(array, lines);
    assert_eq!(
        session.answer(&["cat", "all.jsonl", "--kind", "none", "--format", "json"]),
        "[]\n"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let session = Session::new();
    let lines: Vec<String> = (0..20_000)
        .flat_map(|n| {
            op(
                &format!("run-{n}"),
                0,
                "a",
                &["main"],
                &json!({"status": "ok"}),
            )
        })
        .collect();
    session.write("many.jsonl", lines.join("\n"));
    for format in ["jsonl", "json", "text", "markdown"] {
        let mut command = session.command(&["cat", "many.jsonl", "--format", format]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), stderr.as_str()),
            (Some(0), ""),
            "{format}"
        );
    }
}

#[test]
fn standard_input_is_a_source() {
    let session = Session::with_demo();
    let file = std::fs::File::open(session.path("runtrail-demo/archive/req_2b81d0.jsonl")).unwrap();
    let ended = super::support::ended(session.command(&["cat", "-", "--limit", "1"]).stdin(file));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("\"req_2b81d0-0\""));
}

#[cfg(unix)]
#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let session = Session::with_demo();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = session.command(&["runs", "runtrail-demo/archive"]);
    let output = command
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.starts_with("error: cannot write to standard output\n  why: "),
        "{stderr}"
    );
}
