//! `runtrail tree`.

use serde_json::json;

use super::support::{Session, event, op};

#[test]
fn recorded_runs_as_trees() {
    let mut session = Session::with_engine();
    session
        .tell(&["tree", "engine", "nested-1"])
        .tell(&["tree", "engine/errors", "errors"])
        .tell(&["tree", "engine/group_aggregate", "grp-agg"])
        .tell(&["tree", "engine/loop_root/rootloop-1.json"])
        .tell(&["tree", "engine/usage_and_bespoke_timestamps", "usage-1"])
        .check("tree-recorded");
}

#[test]
fn what_a_tree_shows_can_be_chosen() {
    let mut session = Session::with_demo();
    let tree = ["tree", "runtrail-demo/archive"];
    for rest in [
        &["c04e"][..],
        &["c04e", "--errors"],
        &["c04e", "--min", "1s", "--sort", "duration"],
        &["7f3a", "--depth", "1"],
        &["7f3a", "--show", "inputs,outputs", "--utc"],
        &["2b81", "--sort", "cost", "--show", "model"],
    ] {
        session.tell(&[&tree[..], rest].concat());
    }
    session.tell_with(
        &[("LC_ALL", "C"), ("COLUMNS", "60")],
        &[&tree[..], &["7f3a"]].concat(),
    );
    session.check("tree-choices");
}

#[test]
fn a_tree_as_markdown_keeps_what_matters_most() {
    let mut session = Session::with_demo();
    let tree = [
        "tree",
        "runtrail-demo/archive",
        "c04e",
        "--format",
        "markdown",
    ];
    session
        .tell(&tree)
        .tell(&[&tree[..], &["--max-tokens", "250"]].concat())
        .check("tree-markdown");
    let short = session.answer(&[&tree[..], &["--max-tokens", "250"]].concat());
    assert!(short.len() <= 250 * 4, "{} bytes", short.len());
}

#[test]
fn a_run_is_named_by_the_start_of_its_id() {
    let mut session = Session::with_demo();
    let archive = "runtrail-demo/archive";
    session
        .tell(&["tree", archive, "req_"])
        .tell(&["tree", archive, "req_7f3b"])
        .tell(&["tree", archive, "zzz"])
        .tell(&["tree", archive])
        .tell(&["tree", archive, "runtrail-demo"])
        .check("tree-names");
    assert!(
        session
            .answer(&["tree", archive, "2b"])
            .starts_with("req_2b81d0")
    );
}

#[test]
fn many_equal_siblings_are_one_line() {
    let mut session = Session::new();
    let mut lines = vec![event(
        "r",
        0,
        "op_start",
        Some("main.search"),
        &["main"],
        &json!({}),
    )];
    for n in 0..240_u64 {
        let status = if n % 60 == 7 { "error" } else { "ok" };
        let end = json!({"status": status, "duration_ms": 100 + n, "error": {"type": "Timeout", "message": "too slow"}});
        lines.extend(op(
            "r",
            1 + 2 * n,
            "main.search.fetch",
            &["main", &format!("[{n}]")],
            &end,
        ));
    }
    lines.push(event(
        "r",
        999,
        "op_end",
        Some("main.search"),
        &["main"],
        &json!({"status": "ok"}),
    ));
    session.write("fan.jsonl", lines.join("\n"));
    session
        .tell(&["tree", "fan.jsonl"])
        .tell(&["tree", "fan.jsonl", "r", "--errors", "--expand"]);
    session.check("tree-fan");
    assert_eq!(
        session
            .answer(&["tree", "fan.jsonl", "r", "--expand"])
            .lines()
            .count(),
        242
    );
}

#[test]
fn many_siblings_that_are_open_are_no_failures() {
    let session = Session::new();
    let start = |n: u64, name: &str| {
        let ctx = format!("[{n}]");
        event("r", n, "op_start", Some(name), &["main", &ctx], &json!({}))
    };
    let mut lines: Vec<String> = (0..31).map(|n| start(n, "a")).collect();
    session.write("open.jsonl", lines.join("\n"));
    let text = session.answer(&["tree", "open.jsonl"]);
    let below: Vec<&str> = text.lines().skip(1).take(2).collect();
    assert_eq!(below[0].trim_end(), "└─ … a ×31");
    assert!(!text.contains('✗') && !below[1].contains("a ["), "{text}");
    let page = session.answer(&["tree", "open.jsonl", "--format", "markdown"]);
    assert!(page.contains("- `a` ×31, 31 open\n"), "{page}");

    // A failure among them is told apart, and shown.
    let failed = json!({ "status": "error", "error": { "type": "Timeout", "message": "slow" } });
    lines.push(event(
        "r",
        99,
        "op_end",
        Some("a"),
        &["main", "[7]"],
        &failed,
    ));
    session.write("open.jsonl", lines.join("\n"));
    let text = session.answer(&["tree", "open.jsonl"]);
    let below: Vec<&str> = text.lines().skip(1).take(2).collect();
    assert!(
        below[0].contains("a ×31") && below[0].ends_with("(1 ✗, 30 …)"),
        "{text}"
    );
    assert!(below[1].starts_with("└─ ✗ a [7]"), "{text}");
}

#[test]
fn a_tree_of_any_depth_is_shown() {
    let session = Session::new();
    let depth = 100_000;
    let start = |n: u64| {
        let parent = if n == 0 {
            json!({})
        } else {
            json!({"parent_id": format!("r-{}", n - 1)})
        };
        event(
            "r",
            n,
            "op_start",
            Some("step"),
            &["main", &n.to_string()],
            &parent,
        )
    };
    let lines: Vec<String> = (0..depth).map(start).collect();
    session.write("deep.jsonl", lines.join("\n"));
    let text = session.answer(&["tree", "deep.jsonl"]);
    assert_eq!(text.lines().count() as u64, depth + 2);
    assert!(
        session
            .answer(&["tree", "deep.jsonl", "--format", "json"])
            .contains("\"step\"")
    );
    assert!(
        session
            .answer(&["tree", "deep.jsonl", "--format", "markdown"])
            .contains("100,000 ops")
    );
}

#[test]
fn names_cannot_act_on_the_terminal() {
    let mut session = Session::new();
    let evil = "\u{1b}]0;owned\u{7}\u{202e}r";
    let end = json!({"status": "error", "error": {"type": "E\u{1b}[2J", "message": "line\nbreak `tick` | pipe"}});
    session.write(
        "evil.jsonl",
        op(evil, 0, "a\u{1b}[31m", &["main", "\u{200b}x"], &end).join("\n"),
    );
    session
        .tell(&["runs", "evil.jsonl"])
        .tell(&["runs", "evil.jsonl", "--format", "markdown"])
        .tell(&["tree", "evil.jsonl"])
        .tell(&["tree", "evil.jsonl", "--format", "markdown"])
        .tell(&["cat", "evil.jsonl", "--format", "text"])
        .check("hostile-names");
}
