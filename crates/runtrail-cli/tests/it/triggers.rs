//! `runtrail triggers`, and what `runtrail tree` says of what started a run.

use runtrail_core::link::Source;
use runtrail_core::time::Timestamp;
use runtrail_trigger::{
    EventRecord, JsonText, Matches, Monitor, Permit, SqliteSettings, SqliteStore,
    TriggerRunParticipant, TriggerRunRecord,
};
use serde_json::{Value, json};

use super::support::{Session, event};

fn at(second: i64) -> Timestamp {
    let start = Timestamp::parse("2026-11-21T01:00:00Z").unwrap();
    Timestamp::from_micros(start.micros() + second * 1_000_000)
}

fn from(event_id: &str, run: &str) -> Source {
    Source::Event {
        event_id: event_id.into(),
        request_id: Some(run.into()),
    }
}

/// Claims and starts a run, and returns the lines of its archive.
fn start(
    monitor: &Monitor,
    trigger: &str,
    why: TriggerRunParticipant,
    request_id: &str,
) -> Vec<String> {
    let when = why.at;
    let run = TriggerRunRecord::plan_any(trigger, why, when);
    assert_eq!(monitor.claim(&run), Permit::Granted);
    let links = monitor.started(&run, request_id, when);
    let notes = links.iter().zip(0..).map(|(link, seq)| {
        let payload = serde_json::from_str(link.to_payload().text()).unwrap();
        event(request_id, seq, "annotation", None, &[], &payload)
    });
    notes.collect()
}

/// An engine at work: an order sets off a mail and a bill, and the bill sets off a ledger entry; one
/// firing is still pending.
fn session() -> Session {
    let session = Session::new();
    let path = session.path("triggers.db");
    let monitor = Monitor::new(SqliteStore::open(path, SqliteSettings::default()).unwrap());
    let mut order = EventRecord::new("order-1", "order.created", at(0)).emitted_by("shop-7");
    order.payload = JsonText::parse(r#"{"total":19.90}"#).unwrap();
    order.extra = JsonText::parse(r#"{"region":"north"}"#);
    monitor.event(&order);
    let matches = Matches {
        matched: vec!["any order".into()],
        valid: vec!["any order".into()],
    };
    monitor.matched("order-1", &matches);
    monitor.event(&EventRecord::new("stock-1", "stock.low", at(1)));
    let why =
        |condition: &str, source, second| TriggerRunParticipant::new(condition, source, at(second));
    let mut lines = vec![event(
        "shop-7",
        0,
        "op_start",
        Some("sell"),
        &[],
        &json!({}),
    )];
    let order = || from("order-1", "shop-7");
    lines.extend(start(
        &monitor,
        "send-mail",
        why("any order", order(), 0),
        "mail-1",
    ));
    lines.extend(start(
        &monitor,
        "send-bill",
        why("any order", order(), 2),
        "bill-1",
    ));
    monitor.event(&EventRecord::new("paid-1", "bill.paid", at(3)).emitted_by("bill-1"));
    let paid = why("paid", from("paid-1", "bill-1"), 3);
    lines.extend(start(&monitor, "book", paid, "ledger-1"));
    let clock = why("nightly", Source::Clock, 4);
    let nightly = TriggerRunRecord::plan_any("report", clock, at(4));
    assert_eq!(monitor.claim(&nightly), Permit::Granted);
    assert_eq!(monitor.report().failed, 0);
    session.write("runs.jsonl", lines.join("\n"));
    session
}

#[test]
fn what_started_what_is_shown() {
    let mut session = session();
    let store = "triggers.db";
    for rest in [
        &["events"][..],
        &["events", "--state", "untriggered", "--utc"],
        &["events", "--limit", "2"],
        &[
            "events",
            "--code",
            "order.created",
            "--payloads",
            "--format",
            "markdown",
        ],
        &["events", "--emitter", "nobody"],
        &["runs"],
        &["runs", "--pending", "--format", "markdown"],
        &["show", "order-1"],
        &["show", "order-1", "--format", "markdown"],
        &["chain", "shop-7"],
        &["chain", "ledger-1"],
        &["chain", "bill-1", "--format", "markdown"],
        &["chain", "shop-7", "--depth", "1"],
        &["retention", "--before", "2026-11-21T01:00:03"],
        &["retention", "--max-events", "1", "--apply"],
        &["events"],
    ] {
        session.tell(&[&["triggers", store][..], rest].concat());
    }
    session.check("triggers");
}

#[test]
fn what_cannot_be_answered_says_why() {
    let mut session = session();
    session.write("notes.txt", "nothing like a store");
    for args in [
        &["nowhere.db", "events"][..],
        &["notes.txt", "events"],
        &["triggers.db", "show", "nobody"],
        &["triggers.db", "chain", "nobody"],
        &["triggers.db", "retention"],
        &["triggers.db", "events", "--limit", "0"],
        &["triggers.db", "events", "--limit", "-1"],
        &["triggers.db", "events", "--state", "done"],
        &["triggers.db", "events", "--after", "here"],
        &["triggers.db", "runs", "--since", "yesterday"],
    ] {
        session.tell(&[&["triggers"][..], args].concat());
    }
    session.check("triggers-refused");
}

#[test]
fn pages_are_json_and_follow_each_other() {
    let session = session();
    let page = |after: Option<&str>| {
        let mut args = vec![
            "triggers",
            "triggers.db",
            "events",
            "--limit",
            "2",
            "--format",
            "json",
        ];
        args.extend(after.map(|_| "--after"));
        args.extend(after);
        session.json(&args)
    };
    let first = page(None);
    assert_eq!(
        (&first["total"], &first["truncated"]),
        (&json!(3), &json!(true))
    );
    let second = page(first["next"].as_str());
    assert_eq!(
        (&second["truncated"], &second["next"]),
        (&json!(false), &Value::Null)
    );
    let ids = |page: &Value| {
        let markers = page["markers"].as_array().unwrap().iter();
        markers
            .map(|marker| marker["event_id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), ["order-1", "stock-1"]);
    assert_eq!(ids(&second), ["paid-1"]);
    let lines = session.answer(&["triggers", "triggers.db", "runs", "--format", "jsonl"]);
    assert_eq!(lines.lines().count(), 4);
    let event = session.json(&[
        "triggers",
        "triggers.db",
        "show",
        "order-1",
        "--format",
        "json",
    ]);
    assert_eq!(event["triggered_runs"], json!(["bill-1", "mail-1"]));
    assert_eq!(event["region"], "north");
}

/// The store and the archive tell the same story.
#[test]
fn a_run_says_itself_what_started_it() {
    let mut session = session();
    session
        .tell(&["tree", "runs.jsonl", "ledger"])
        .tell(&["tree", "runs.jsonl", "ledger", "--format", "markdown"])
        .tell(&["tree", "runs.jsonl", "shop"])
        .check("triggers-tree");
    let chain = session.json(&[
        "triggers",
        "triggers.db",
        "chain",
        "shop-7",
        "--format",
        "json",
    ]);
    let mut of_store = Vec::new();
    for link in chain["links"].as_array().unwrap() {
        let mut link = link.as_object().unwrap().clone();
        link.remove("depth");
        of_store.push(Value::Object(link));
    }
    let mut of_archive = Vec::new();
    for run in ["mail-1", "bill-1", "ledger-1"] {
        let tree = session.json(&["tree", "runs.jsonl", run, "--format", "json"]);
        for link in tree["links"].as_array().unwrap() {
            let mut link = link.clone();
            link["to_request_id"] = json!(run);
            of_archive.push(link);
        }
    }
    assert_eq!(of_store.len(), 3);
    assert_eq!(of_store, of_archive);
}

#[test]
fn an_export_says_how_many_links_there_are_whatever_it_writes() {
    let session = session();
    for (exporter, to, rows) in [
        ("parquet", "lake", 3),
        ("json", "trees", 0),
        ("jsonl", "lines", 0),
        ("otlp-json", "spans.jsonl", 0),
    ] {
        let export = ["export", "runs.jsonl", "--to", to, "--exporter", exporter];
        let summary = session.json(&[&export[..], &["--format", "json"]].concat());
        assert_eq!(summary["links"], 3, "{exporter}");
        let files = summary["files"].as_array().unwrap().iter();
        let links = files.filter(|file| file["table"] == "links");
        let found: u64 = links.map(|file| file["rows"].as_u64().unwrap()).sum();
        assert_eq!(found, rows, "{exporter}: {}", summary["files"]);
    }
}

#[test]
fn names_in_a_store_cannot_act_on_the_terminal() {
    let session = Session::new();
    let path = session.path("evil.db");
    let monitor = Monitor::new(SqliteStore::open(path, SqliteSettings::default()).unwrap());
    let evil = "\u{1b}[2J\u{202e}';reboot;'";
    monitor.event(&EventRecord::new(evil, evil, at(0)).emitted_by(evil));
    monitor.event(&EventRecord::new("later", evil, at(1)));
    let why = TriggerRunParticipant::new(evil, from(evil, evil), at(0));
    start(&monitor, evil, why, evil);
    let mut pasted = 0;
    for args in [
        &["events", "--limit", "1"][..],
        &["events", "--payloads"],
        &["runs"],
        &["show", evil],
        &["chain", evil],
    ] {
        for format in ["text", "markdown", "jsonl"] {
            let args = [&["triggers", "evil.db"][..], args, &["--format", format]].concat();
            let ended = session.run(&args);
            assert_eq!(ended.code, 0, "{ended:?}");
            let shown = match format {
                "jsonl" => ended.stderr,
                _ => ended.stdout + &ended.stderr,
            };
            assert!(
                !shown.contains(['\u{1b}', '\u{202e}']),
                "{args:?}: {shown:?}"
            );
            // What is to be pasted into a shell stays one word of it.
            if let Some((_, next)) = shown.split_once("--after ") {
                assert!(next.trim_end().ends_with(r"'\'';reboot;'\'''"), "{shown}");
                pasted += 1;
            }
        }
    }
    assert_eq!(pasted, 3);
}
