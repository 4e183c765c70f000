//! `runtrail runs`.

use std::collections::BTreeSet;

use super::support::{Session, op};
use serde_json::json;

#[test]
fn the_runs_of_recorded_archives() {
    let mut session = Session::with_engine();
    session
        .tell(&["runs", "engine", "--limit", "12"])
        .tell(&["runs", "engine", "--status", "error,truncated", "--utc"])
        .tell(&[
            "runs", "engine", "--sort", "ops", "--limit", "3", "--format", "markdown",
        ])
        .tell(&[
            "runs",
            "engine",
            "--sort",
            "cost",
            "--limit",
            "2",
            "--format",
            "jsonl",
            "--assume-tz",
            "UTC",
        ])
        .tell(&["runs", "engine/nested", "--status", "cancelled"])
        .check("runs");
}

#[test]
fn a_run_is_one_object_with_these_keys() {
    let session = Session::with_demo();
    let lines = session.answer(&["runs", "runtrail-demo/archive", "--format", "jsonl"]);
    let runs: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        session.json(&["runs", "runtrail-demo/archive", "--format", "json"]),
        json!(runs)
    );
    let wanted = [
        "anomalies",
        "cancelled",
        "duration_ms",
        "ended_at",
        "errors",
        "events",
        "groups",
        "llm_calls",
        "llm_calls_without_cost",
        "llm_completion_tokens",
        "llm_cost_usd",
        "llm_models",
        "llm_prompt_tokens",
        "llm_total_tokens",
        "ops",
        "request_id",
        "started_at",
        "status",
        "truncated_groups",
        "truncated_ops",
        "unknown_kinds",
    ];
    let keys: BTreeSet<&str> = runs[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys, BTreeSet::from(wanted));
    assert_eq!(runs[0]["llm_total_tokens"], 11_444);
    assert_eq!(runs[0]["started_at"], "2026-11-20T03:12:04.000000Z");
    assert_eq!(runs[2]["llm_cost_usd"], json!(null));
}

#[test]
fn output_fits_its_surroundings() {
    let mut session = Session::with_demo();
    let long: Vec<String> = (0..2)
        .flat_map(|n| {
            op(
                &format!("0198c1f2-7a6e-7f30-8d11-3c5f{n}e2b9a70"),
                0,
                "a",
                &["main"],
                &json!({"status":"ok"}),
            )
        })
        .collect();
    session.write("long.jsonl", long.join("\n"));
    let archive = "runtrail-demo/archive";
    session
        .tell_with(&[("LC_ALL", "C")], &["runs", archive])
        .tell_with(&[("COLUMNS", "60")], &["runs", "long.jsonl"])
        .tell_with(
            &[("TZ", "Asia/Ho_Chi_Minh"), ("NO_COLOR", "")],
            &["runs", archive],
        )
        .tell_with(
            &[("RUNTRAIL_FORMAT", "markdown"), ("RUNTRAIL_UTC", "1")],
            &["runs", archive],
        )
        .check("runs-surroundings");
    let coloured = session.answer(&["runs", archive, "--color", "always"]);
    assert!(
        coloured.contains("\u{1b}[31m✗ error\u{1b}[0m"),
        "{coloured}"
    );
}

#[test]
fn an_archive_without_runs_says_so() {
    let mut session = Session::new();
    session.write("empty.jsonl", "");
    session
        .tell(&["runs", "empty.jsonl"])
        .tell(&["runs", "empty.jsonl", "--format", "json"])
        .tell(&["runs", "empty.jsonl", "--format", "jsonl"])
        .check("runs-empty");
}

#[test]
fn a_limit_of_none_is_not_a_status_of_none() {
    let session = Session::with_demo();
    let archive = "runtrail-demo/archive";
    let ended = session.run(&["runs", archive, "--limit", "0"]);
    assert_eq!(ended.stdout, "0 of 3 runs; --limit shows more\n");
    assert_eq!(ended.stderr, "");
    let ended = session.run(&["runs", archive, "--limit", "0", "--status", "cancelled"]);
    assert!(
        ended.stderr.contains("none of 3 runs has that status"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_run_may_have_an_empty_id() {
    let session = Session::new();
    let lines = [
        op("", 0, "a", &["main"], &json!({})),
        op("r", 0, "b", &["main"], &json!({})),
    ];
    session.write("events.jsonl", lines.concat().join("\n"));
    session.answer(&["export", "events.jsonl", "--to", "lake"]);
    for source in ["events.jsonl", "lake"] {
        let tree = session.answer(&["tree", source, ""]);
        assert!(tree.contains("✓ a") && !tree.contains("✓ b"), "{tree}");
        let events = session.answer(&["cat", source, "--run", ""]);
        assert_eq!(events.lines().count(), 2, "{events}");
        assert_eq!(
            session.json(&["replay", source, "", "--format", "json"])["request_id"],
            ""
        );
    }
}
