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
        let mut exporter = Box::new(OtlpLines::file(&path).into_exporter());
        let mut events = sample.events.clone();
        events.sort();
        exporter.export(&Batch::new(events, [])).unwrap();
        exporter.close(std::time::Instant::now()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_golden(&sample.beside("otlp.jsonl"), &text);
    }
}

/// Every name that the mapping may write is in the table, and in one golden file at least, or in one
/// of the rows.
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
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .is_dir()
    );
}
