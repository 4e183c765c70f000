//! `runtrail export`: what it writes and what it says.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::support::{Session, event, op};

/// The exporters, each with a destination.
const EXPORTERS: [(&str, &str); 4] = [
    ("parquet", "lake"),
    ("json", "trees"),
    ("json", "trees.jsonl"),
    ("jsonl", "lines"),
];

/// The keys of a summary, the ones of every exporter.
const KEYS: [&str; 37] = [
    "anomalies",
    "anomalies_by_kind",
    "bytes_read",
    "conflicts",
    "content_dropped",
    "continued",
    "duplicates",
    "empty_files",
    "errors",
    "events_before",
    "events_rewritten",
    "events_written",
    "exporter",
    "failed_files",
    "files",
    "files_read",
    "groups",
    "links",
    "misfits",
    "ops",
    "parts_removed",
    "quarantine",
    "quarantined",
    "quarantined_by_reason",
    "records_read",
    "runs",
    "runs_before",
    "runs_carried",
    "runs_rewritten",
    "skipped",
    "spans_dropped",
    "substitutions",
    "to",
    "truncated_groups",
    "truncated_ops",
    "unchanged",
    "unknown_kinds",
];

fn balance(summary: &Value) -> (u64, u64) {
    let count = |key: &str| summary[key].as_u64().unwrap();
    (
        count("records_read"),
        count("events_written") + count("duplicates") + count("quarantined"),
    )
}

#[test]
fn summaries_for_people() {
    let mut session = Session::with_demo();
    let archive = "runtrail-demo/archive";
    session
        .tell(&["export", archive, "--to", "trees", "--exporter", "json"])
        .tell(&[
            "export",
            archive,
            "--to",
            "trees.jsonl",
            "--exporter",
            "json",
        ])
        .tell(&[
            "export",
            archive,
            "--to",
            "lines",
            "--exporter",
            "jsonl",
            "--zstd",
            "--format",
            "markdown",
        ])
        .check("export-text");
    // How large a lake's files are depends on the encoder, so the first line is not pinned.
    let lake = session.answer(&["export", archive, "--to", "lake"]);
    let lines: Vec<&str> = lake.lines().collect();
    assert!(
        lines[0].starts_with("✓ 3 files → 4 parts, ") && lines[0].ends_with(", 61 events to lake"),
        "{lake}"
    );
    assert_eq!(
        lines[1],
        "  read = written + duplicates + quarantined: 61 = 61 + 0 + 0 ✓"
    );
    assert_eq!(
        lines.last().copied(),
        Some(
            "  query it:  duckdb -c \"select llm_model, sum(llm_cost_usd) from \
             read_parquet('lake/events/**/*.parquet') where kind='llm_usage' group by 1\""
        )
    );
}

#[test]
fn the_summary_is_one_object_with_these_keys() {
    let session = Session::with_engine();
    let mut totals = BTreeSet::new();
    for (exporter, to) in EXPORTERS {
        let args = [
            "export",
            "engine",
            "--to",
            to,
            "--exporter",
            exporter,
            "--format",
            "json",
        ];
        let summary = session.json(&args);
        let keys: BTreeSet<&str> = summary
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, BTreeSet::from(KEYS));
        assert_eq!(balance(&summary), (692, 692), "{exporter}");
        assert_eq!(
            summary["quarantined_by_reason"],
            json!({"no_utc_offset": 1})
        );
        totals.insert(
            ["runs", "ops", "groups", "truncated_groups", "anomalies"]
                .map(|key| summary[key].as_u64().unwrap()),
        );
        for file in summary["files"].as_array().unwrap() {
            let found = fs::metadata(session.path(file["path"].as_str().unwrap())).unwrap();
            assert_eq!(file["bytes"], found.len());
            assert!(file["table"].is_string() && file["rows"].as_u64() > Some(0));
        }
        let quarantine =
            fs::read_to_string(session.path(summary["quarantine"].as_str().unwrap())).unwrap();
        assert_eq!(quarantine.lines().count(), 1);
        // What a lake holds is not read again; elsewhere everything is written anew.
        let again = if exporter == "parquet" { 0 } else { 3 };
        assert_eq!(session.run(&args).code, again);
    }
    // Whatever is written, the runs come to the same.
    assert_eq!(totals.len(), 1, "{totals:?}");
}

#[test]
fn the_same_export_again_gives_the_same_bytes() {
    let session = Session::with_engine();
    for (exporter, to) in EXPORTERS {
        let to = format!("out-{to}/{to}");
        let folder = to.split('/').next().unwrap();
        for threads in ["1", "2"] {
            let args = [
                "export",
                "engine",
                "--to",
                &to,
                "--exporter",
                exporter,
                "--threads",
                threads,
            ];
            let is_lake = exporter == "parquet";
            let code = if is_lake && threads == "2" { 0 } else { 3 };
            assert_eq!(session.run(&args).code, code);
            let first = session.files(folder);
            assert_eq!(session.run(&args).code, if is_lake { 0 } else { 3 });
            assert_eq!(
                session.files(folder),
                first,
                "{exporter}, {threads} threads"
            );
        }
    }
    let threads = |threads: &str| {
        let to = format!("lake-{threads}");
        let args = ["export", "engine", "--to", &to, "--threads", threads];
        assert_eq!(session.run(&args).code, 3);
        let tables = session.files(&to).into_iter();
        let tables = tables.filter(|(path, _)| !path.to_string_lossy().contains("_runtrail"));
        tables
            .map(|(path, bytes)| (path.file_name().unwrap().to_owned(), bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(threads("1"), threads("2"));
}

#[test]
fn every_oddity_is_counted() {
    let session = Session::new();
    let [start, end] = op("r1", 0, "a", &["main"], &json!({"status": "ok"}));
    let reused = end.replace("\"ok\"", "\"error\"");
    let unknown = event("r1", 5, "op_pause", Some("a"), &["main"], &json!({}));
    let nan = event(
        "r1",
        6,
        "annotation",
        Some("a"),
        &["main"],
        &json!({"key": "k", "value": 0}),
    )
    .replace(":0}", ":NaN}");
    session.write(
        "in/a.jsonl",
        [&*start, &end, &end, &reused, &unknown, &nan, "oops"].join("\n"),
    );
    session.write("in/empty.jsonl", "");
    let summary = session.json(&[
        "export",
        "in",
        "--to",
        "lines",
        "--exporter",
        "jsonl",
        "--format",
        "json",
    ]);
    assert_eq!(balance(&summary), (7, 7));
    let counts = [
        "duplicates",
        "conflicts",
        "unknown_kinds",
        "substitutions",
        "quarantined",
    ];
    assert_eq!(
        counts.map(|key| summary[key].as_u64().unwrap()),
        [1, 1, 1, 1, 1],
        "{summary:#}"
    );
    assert_eq!(summary["empty_files"], json!(["in/empty.jsonl"]));
    let text = session
        .run(&["export", "in", "--to", "lines", "--exporter", "jsonl"])
        .stdout;
    for word in [
        "used before for other content",
        "does not know",
        "NaN",
        "nothing in it",
        "quarantined → lines.quarantine.jsonl",
        "note: quarantined: 1 ",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn events_that_share_a_line_are_all_exported() {
    let session = Session::new();
    let [start, end] = op("r1", 0, "a", &["main"], &json!({"status": "ok"}));
    let [other_start, other_end] = op("r2", 0, "a", &["main"], &json!({"status": "ok"}));
    session.write(
        "a.jsonl",
        format!("{start}{other_start}\n{end} {other_end}\n"),
    );
    let summary = session.json(&["export", "a.jsonl", "--to", "lake", "--format", "json"]);
    assert_eq!(balance(&summary), (4, 4));
    for (key, count) in [
        ("events_written", 4),
        ("runs", 2),
        ("ops", 2),
        ("conflicts", 0),
    ] {
        assert_eq!(summary[key], count, "{key}: {summary:#}");
    }
}

#[test]
fn a_quarantine_file_belongs_to_the_last_export() {
    let session = Session::new();
    let good = op("r1", 0, "a", &["main"], &json!({})).join("\n");
    let args = [
        "export",
        "in.jsonl",
        "--to",
        "out.jsonl",
        "--exporter",
        "json",
    ];
    session.write("in.jsonl", format!("{good}\noops"));
    assert_eq!(session.run(&args).code, 3);
    assert!(session.path("out.jsonl.quarantine.jsonl").exists());
    session.write("in.jsonl", good);
    assert_eq!(session.run(&args).code, 0);
    let names: Vec<_> = session
        .files(".")
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(
        names,
        ["./in.jsonl", "./out.jsonl"].map(|name| session.path(name))
    );
}

#[test]
fn a_bad_line_can_stop_an_export() {
    let mut session = Session::new();
    let good = op("r1", 0, "a", &["main"], &json!({})).join("\n");
    session.write(
        "bad.jsonl",
        format!(
            "{good}\n{}\n",
            good.lines().next().unwrap().replace("Z\"", "\"")
        ),
    );
    session.tell(&[
        "export",
        "bad.jsonl",
        "--to",
        "trees",
        "--exporter",
        "json",
        "--on-bad-line",
        "fail",
    ]);
    session.check("export-bad-line");
    assert!(!session.path("trees").exists());
    let export = ["export", "bad.jsonl", "--to", "new/lake"];
    let strict = session.run(&[&export[..], &["--on-bad-line", "fail"]].concat());
    assert_eq!(strict.code, 4, "{strict:?}");
    assert!(!session.path("new").exists(), "it leaves nothing");
    assert_eq!(session.run(&export).code, 3);
    let all_but_journals = || {
        let mut files = session.files("new/lake");
        files.retain(|(path, _)| !path.to_string_lossy().contains("journal"));
        files
    };
    let before = all_but_journals();
    let strict = session.run(&[&export[..], &["--on-bad-line", "fail"]].concat());
    assert_eq!(strict.code, 4, "{strict:?}");
    assert!(all_but_journals() == before, "it changes nothing");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_read_does_not_stop_the_others() {
    let session = Session::with_demo();
    // Whoever runs this: reading the first byte of that file fails.
    let args = [
        "export",
        "/proc/self/mem",
        "runtrail-demo/archive",
        "--to",
        "lake",
        "--format",
        "json",
    ];
    let ended = session.run(&args);
    assert_eq!(ended.code, 4);
    assert!(
        ended
            .stderr
            .starts_with("error: cannot read /proc/self/mem: "),
        "{}",
        ended.stderr
    );
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (
            balance(&summary),
            summary["failed_files"][0]["path"].as_str()
        ),
        ((61, 61), Some("/proc/self/mem"))
    );
    let strict = session.run(&[&args[..], &["--on-bad-line", "fail"]].concat());
    assert_eq!((strict.code, strict.stdout.as_str()), (4, ""));
}

#[test]
fn tables_and_partitions_can_be_chosen() {
    let session = Session::with_demo();
    let archive = "runtrail-demo/archive";
    let args = [
        "export",
        archive,
        "--to",
        "lake",
        "--tables",
        "ops,runs",
        "--partition",
        "hour",
        "--memory",
        "256MiB",
    ];
    let text = session.answer(&args);
    assert!(
        text.contains("read_parquet('lake/ops/**/*.parquet')"),
        "{text}"
    );
    assert!(session.path("lake/ops/date=2026-11-20/hour=03").is_dir());
    assert!(!session.path("lake/events").exists());
}
