//! Records what code says to `tracing`, as trees.

use std::time::Duration;

use runtrail_core::pipeline::{Clock, Handle, Pipeline};
use runtrail_core::time::Timestamp;
use runtrail_testkit::capture::CaptureSpans;
use runtrail_testkit::tree::tree_text;
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::prelude::*;

/// Runs code under the layer; returns each run as a tree, in the order of their ends.
pub(crate) fn recorded(code: impl FnOnce(&Handle)) -> String {
    recorded_by(|layer| layer, code)
}

/// As [`recorded`], with the layer changed first.
pub(crate) fn recorded_by(
    change: impl FnOnce(runtrail_tracing::TraceLayer) -> runtrail_tracing::TraceLayer,
    code: impl FnOnce(&Handle),
) -> String {
    let exporter = CaptureSpans::default();
    let arrived = exporter.handle();
    // Time stands still, so that trees are the same each time.
    let (clock, _) = Clock::manual(Timestamp::parse("2026-11-21T00:00:00Z").unwrap());
    let pipeline = Pipeline::builder().span_exporter(exporter).clock(clock);
    let pipeline = pipeline.start().unwrap();
    let layer = change(runtrail_tracing::layer(pipeline.handle()));
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    dispatcher::with_default(&dispatch, || code(&pipeline.handle()));
    drop(dispatch);
    let report = pipeline.shutdown(Duration::from_secs(20));
    assert_eq!(report.stats.imbalance(), 0);
    assert_eq!(report.stats.truncated, 0, "{:?}", report.truncated);
    let arrived = arrived.arrived();
    let trees = arrived.runs.iter().map(|run| {
        let of_run = arrived
            .spans
            .iter()
            .filter(|s| s.request_id == run.request_id);
        tree_text(&of_run.cloned().collect::<Vec<_>>(), run)
    });
    trees.collect()
}

/// Compares trees, and shows the one that is not as it should be.
pub(crate) fn check(found: &str, wanted: &str) {
    assert!(found == wanted, "found:\n{found}\nwanted:\n{wanted}");
}
