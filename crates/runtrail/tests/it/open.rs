//! What a configuration comes to works.

use std::path::Path;
use std::time::Instant;

use runtrail::{Config, Parts};
use runtrail_core::export::{Batch, RunEnd};
use runtrail_core::process::Chain;
use runtrail_testkit::run::RunBuilder;

fn parts(toml: &str) -> Parts {
    let config = Config::builder().text("f.toml", toml).load();
    config.unwrap().open().unwrap()
}

/// Sends a run through all of it.
fn record(parts: Parts) {
    let mut run = RunBuilder::new("r1");
    run.push(
        "op_start",
        Some("main"),
        &[],
        r#"{"inputs":{"password":"hunter2"}}"#,
    );
    run.push("op_start", Some("debug.x"), &["main"], "{}");
    run.push("op_end", Some("debug.x"), &["main"], "{}");
    run.push("op_end", Some("main"), &[], r#"{"status":"ok"}"#);
    let mut chain = Chain::new(parts.processors);
    let mut events = Vec::new();
    for event in run.into_events() {
        chain.process(event, &mut |event| events.push(event));
    }
    chain.finish(&"r1".into(), &mut |event| events.push(event));
    let end = RunEnd {
        request_id: "r1".into(),
        after: events.len(),
    };
    let batch = Batch::new(events, [end]);
    for mut exporter in parts.exporters {
        exporter.export(&batch).unwrap();
        exporter.close(Instant::now()).unwrap();
    }
}

fn texts(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn a_run_goes_through_the_processors_to_every_exporter() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    record(parts(&format!(
        r#"
[[processors]]
name = "drop_ops"
ops = ["debug.*"]
[[processors]]
name = "redact"
[[exporters]]
name = "json"
path = "{at}/trees"
retry = {{}}
rate_limit = {{}}
[[exporters]]
name = "json"
path = "{at}/runs.jsonl"
rate_limit = {{ burst = 5 }}
[[exporters]]
name = "jsonl"
path = "{at}/archive"
stem = "mine"
retry = {{ max_attempts = 2 }}
rate_limit = {{}}
dead_letters = "{at}/given-up.jsonl"
"#
    )));
    let mut written = texts(&folder.path().join("trees"));
    written.extend(texts(&folder.path().join("archive")));
    written.push(std::fs::read_to_string(folder.path().join("runs.jsonl")).unwrap());
    assert_eq!(written.len(), 3);
    for text in written {
        assert!(
            text.contains("[redacted]") && text.contains("main"),
            "{text}"
        );
        assert!(
            !text.contains("hunter2") && !text.contains("debug.x"),
            "{text}"
        );
    }
    assert!(folder.path().join("archive/mine-00000.jsonl").exists());
    assert!(!folder.path().join("given-up.jsonl").exists());
}

#[cfg(feature = "parquet")]
#[test]
fn a_lake_is_opened_where_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let toml = format!(
        "[[exporters]]\nname = \"parquet\"\npath = {:?}\ntables = [\"runs\"]\npartition = \"none\"\n",
        lake.display()
    );
    let config = Config::builder().text("f.toml", toml).load().unwrap();
    assert!(!lake.exists(), "loading opens nothing");
    record(config.open().unwrap());
    assert!(lake.join("runs").is_dir() && !lake.join("ops").is_dir());
}

#[test]
fn nothing_is_opened_before_it_is_asked_for_and_stopping_ends_waits() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("archive");
    let toml = format!(
        "[[exporters]]\nname = \"jsonl\"\npath = {:?}\nrate_limit = {{ per_second = 0.001, burst = 1, max_wait = \"30d\" }}\n",
        at.display()
    );
    let parts = parts(&toml);
    assert!(!at.exists());
    // Without it the second batch would wait for a quarter of an hour.
    parts.stop.stop();
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("x"), &[], "{}");
    let batch = Batch::new(run.into_events(), []);
    for mut exporter in parts.exporters {
        exporter.export(&batch).unwrap();
        exporter.export(&batch).unwrap();
        exporter.close(Instant::now()).unwrap();
    }
}
