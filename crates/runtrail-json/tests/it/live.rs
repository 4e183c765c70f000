//! A live program that ends in the middle of a run.

use std::fs;
use std::time::Duration;

use runtrail_core::event::Ctx;
use runtrail_core::pipeline::Pipeline;
use runtrail_json::Trees;
use runtrail_testkit::capture::{Capture, CaptureSpans};
use runtrail_testkit::fold::fold_runs;

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn every_exporter_shows_the_same_truncated_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (events, spans) = (Capture::default(), CaptureSpans::default());
    let (arrived, closed) = (events.handle(), spans.handle());
    let trail = Pipeline::builder()
        .exporter(events)
        .span_exporter(spans)
        .span_exporter(Trees::dir(folder.path()))
        .start()
        .unwrap();
    let run = trail.run("r1");
    let ctx = Ctx::new(["main"]);
    let first = run.op("first", &ctx, || ());
    let outer = first.group("outer");
    let second = outer.op("second", &ctx, || ());
    assert!(trail.flush(LIMIT).is_complete());
    let inner = outer.group("inner");
    let third = inner.op("third", &ctx, || ());
    assert_eq!(trail.stats().truncated, 0, "a flush closes nothing");
    let report = trail.shutdown(LIMIT);
    assert_eq!(report.stats.imbalance(), 0);

    let named: Vec<_> = report
        .truncated
        .iter()
        .map(|t| t.name.to_string())
        .collect();
    assert_eq!(named, ["third", "inner", "second", "outer", "first"]);
    let labels: Vec<_> = closed
        .arrived()
        .spans
        .iter()
        .map(|span| span.label().to_string())
        .collect();
    assert_eq!(labels, named);
    let again = fold_runs(&arrived.arrived().events).remove(0);
    assert_eq!(again.spans, closed.arrived().spans);
    let file = fs::read_dir(folder.path()).unwrap().next().unwrap();
    let tree = fs::read_to_string(file.unwrap().path()).unwrap();
    // Once for each of the five, and once for the run.
    assert_eq!(
        tree.matches("\"status\": \"truncated\"").count(),
        6,
        "{tree}"
    );
    drop((third, inner, second, outer, first, run));
}
