//! The spans of recorded runs.

use std::path::Path;

use runtrail_core::export::{Batch, Exporter};
use runtrail_otlp::OtlpLines;
use runtrail_otlp::map::MapSettings;
use runtrail_testkit::golden::{assert_golden, engine_samples};

use super::support::mapped;

#[test]
fn recorded_runs_are_written_as_their_golden_spans() {
    let folder = tempfile::tempdir().unwrap();
    for sample in engine_samples() {
        let path = folder.path().join("spans.jsonl");
        let mut exporter = Box::new(OtlpLines::file(&path).variables([]).into_exporter());
        let mut events = sample.events.clone();
        events.sort();
        exporter.export(&Batch::new(events, [])).unwrap();
        exporter.close(std::time::Instant::now()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_golden(&sample.beside("otlp.jsonl"), &text);
    }
}

#[test]
fn every_span_says_which_mapping_made_it() {
    for sample in engine_samples() {
        for span in mapped(&sample.events, &MapSettings::default()) {
            let attrs = super::support::attrs(&span);
            assert_eq!(
                attrs.get("runtrail.mapping.version").map(String::as_str),
                Some("1")
            );
        }
    }
}

/// Where golden files are: of the rows of the mapping, and of recorded runs.
fn golden_text() -> String {
    let rows = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let rows = std::fs::read_dir(rows).unwrap();
    let rows = rows.map(|entry| entry.unwrap().path());
    let samples = engine_samples().into_iter();
    let samples = samples.map(|sample| sample.beside("otlp.jsonl"));
    let texts = rows.chain(samples);
    texts
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

/// Names that are written into no span: read from notes, or of what stands around spans.
const ELSEWHERE: [&str; 5] = [
    "runtrail",
    "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev",
    "service.name",
    "traceparent",
    "workflow",
];

/// A name that no golden file holds could change without anybody seeing it.
#[test]
fn every_name_of_the_mapping_is_in_a_golden_file() {
    let names = include_str!("../../src/names.rs");
    let golden = golden_text();
    let mut missing = Vec::new();
    for line in names.lines() {
        let Some((_, name)) = line.split_once("&str = \"") else {
            continue;
        };
        let name = name.trim_end_matches("\";");
        // A name is whole in JSON, or the prefix of one, or stands before the model in a span's name.
        let is_there = ['"', '.', ' ']
            .iter()
            .any(|after| golden.contains(&format!("\"{name}{after}")));
        if !is_there && !ELSEWHERE.contains(&name) {
            missing.push(name);
        }
    }
    assert_eq!(missing, Vec::<&str>::new());
}
