//! Sources that are not as they should be.

use super::support::{Session, op};
use serde_json::json;

/// An archive with most of what goes wrong in real ones.
fn broken(session: &Session) {
    let good = op("r1", 0, "main.fetch", &["main"], &json!({"status": "ok"})).join("\n");
    let naive = r#"{"event_id":"e9","timestamp":"2026-11-20T03:12:04.118000","kind":"op_end","request_id":"r1","seq":7}"#;
    let text = format!(
        "{good}\nnot json at all\n{naive}\n{naive}\n{{\"event_id\":\"e1\"}}\n[1]\n{{\"event_id\":\"cut"
    );
    session.write("broken.jsonl", text);
}

#[test]
fn views_show_what_they_can_and_say_the_rest() {
    let mut session = Session::new();
    broken(&session);
    session
        .tell(&["runs", "broken.jsonl"])
        .tell_with(
            &[("COLUMNS", "60"), ("LC_ALL", "POSIX")],
            &["tree", "broken.jsonl", "r1"],
        )
        .tell(&[
            "cat",
            "broken.jsonl",
            "--limit",
            "1",
            "--assume-tz",
            "+07:00",
        ])
        .check("sources-broken");
}

#[test]
fn sources_that_cannot_be_read_say_so() {
    let mut session = Session::new();
    session.write(
        "events.jsonl",
        op("r1", 0, "a", &["main"], &json!({})).join("\n"),
    );
    session.write("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    session.write("old.txt", b"\xff\xfe{\0}\0");
    session
        .tell(&["runs", "event.jsonl"])
        .tell(&["runs", "logs/*.jsonl"])
        .tell(&["runs", "a[.jsonl"])
        .tell(&["runs", "s3://bucket/events/"])
        .tell(&["runs", "picture.png"])
        .tell(&["tree", "old.txt", "r1"])
        .tell(&["runs", "events.jsonl", "picture.png"])
        .check("sources-unreadable");
}

#[test]
fn limits_on_single_events_can_be_set() {
    let mut session = Session::new();
    let deep = format!(
        r#"{{"status":"ok","outputs":{}1{}}}"#,
        "[".repeat(300),
        "]".repeat(300)
    );
    let end = format!(
        r#"{{"event_id":"d","request_id":"r1","kind":"op_end","op_name":"a","ctx":["main"],"timestamp":"2026-11-21T01:00:01Z","seq":9,"payload":{deep}}}"#
    );
    let wide = op(
        "r1",
        0,
        "a",
        &["main"],
        &json!({"outputs": "x".repeat(9000), "status": "ok"}),
    )
    .join("\n");
    session.write("limits.jsonl", format!("{wide}\n{end}\n"));
    session
        .tell_with(&[("COLUMNS", "70")], &["runs", "limits.jsonl"])
        .tell(&["runs", "limits.jsonl", "--max-depth", "310"])
        .tell_with(
            &[("COLUMNS", "70"), ("RUNTRAIL_MAX_LINE", "4KiB")],
            &["runs", "limits.jsonl", "--max-depth", "310"],
        )
        .check("sources-limits");
}

#[test]
fn what_runtrail_wrote_beside_archives_is_left_out() {
    let session = Session::new();
    let lines = op("r1", 0, "a", &["main"], &json!({})).join("\n");
    session.write("logs/arch.jsonl", format!("{lines}\nnot json\n"));
    let export = |to: &str, more: &[&str]| {
        let args = ["export", "logs/arch.jsonl", "--to", to];
        assert_eq!(session.run(&[&args, more].concat()).code, 3, "{to}");
    };
    export("arch", &["--exporter", "json"]);
    export("lakes/lake", &[]);
    let kept = std::fs::read(session.path("arch.quarantine.jsonl")).unwrap();
    session.write("logs/arch.quarantine.jsonl", &kept);
    let journal = session.files("lakes/lake/_runtrail/journal").remove(0).1;
    session.write("logs/journal.jsonl", journal);
    let beside = [
        "logs/arch.jsonl",
        "logs/arch.quarantine.jsonl",
        "logs/journal.jsonl",
    ];
    for sources in [&["logs"][..], &["logs/*.jsonl"], &beside] {
        let ended = session.run(&[&["runs"], sources].concat());
        assert_eq!(ended.code, 0, "{sources:?}");
        assert!(
            ended
                .stderr
                .starts_with("warning: 1 line skipped: not JSON"),
            "{}",
            ended.stderr
        );
        assert!(!ended.stderr.contains("request_id"), "{}", ended.stderr);
    }
    let alone = session.run(&["runs", "logs/arch.quarantine.jsonl"]);
    assert!(
        alone.stderr.contains("1 file that Runtrail wrote left out"),
        "{}",
        alone.stderr
    );

    // What a lake keeps of its own is no archive for a pattern that does not name it.
    let ended = session.run(&["runs", "lakes/**/*.jsonl"]);
    assert!(ended.stderr.contains("no file matches"), "{}", ended.stderr);
    let ended = session.run(&["runs", "lakes/*/_runtrail/journal/*.jsonl"]);
    assert!(
        ended.stderr.contains("1 file that Runtrail wrote left out"),
        "{}",
        ended.stderr
    );
}

#[cfg(unix)]
#[test]
fn a_source_that_cannot_be_read_shows_in_the_exit_code() {
    let session = Session::new();
    session.write(
        "good.jsonl",
        op("r1", 0, "a", &["main"], &json!({})).join("\n"),
    );
    std::fs::create_dir(session.path("logs")).unwrap();
    std::os::unix::net::UnixListener::bind(session.path("logs/socket.jsonl")).unwrap();
    let sources = ["logs/socket.jsonl", "good.jsonl"];
    for command in [&["runs"][..], &["cat"]] {
        let ended = session.run(&[command, &sources].concat());
        assert_eq!(ended.code, 4, "{command:?}: {}", ended.stderr);
        assert!(ended.stdout.contains("r1"), "{}", ended.stdout);
        assert!(
            ended.stderr.contains("cannot read logs/socket.jsonl"),
            "{}",
            ended.stderr
        );
    }
    // What is not found may be in it.
    let ended = session.run(&[&["tree"], &sources[..], &["zzz"]].concat());
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("no run \"zzz\""), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_back_hides_nothing() {
    let session = Session::new();
    session.write(
        "logs/a/good.jsonl",
        op("r1", 0, "a", &["main"], &json!({})).join("\n"),
    );
    std::os::unix::fs::symlink("..", session.path("logs/a/back")).unwrap();
    assert!(session.answer(&["runs", "logs"]).contains("r1"));
    session.answer(&["export", "logs", "--to", "lake"]);
}
