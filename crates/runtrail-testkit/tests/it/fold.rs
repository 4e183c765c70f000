//! The helper that folds a whole stream.

use runtrail_testkit::capture::CaptureSpans;
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::run::RunBuilder;

#[test]
fn runs_come_by_first_appearance_and_in_any_order_of_events() {
    let (mut one, mut two) = (RunBuilder::new("z"), RunBuilder::new("a"));
    for run in [&mut one, &mut two] {
        run.push("op_start", Some("x"), &[], "{}");
        run.push("op_end", Some("x"), &[], "{}");
    }
    let events: Vec<_> = one
        .events()
        .iter()
        .rev()
        .chain(two.events())
        .cloned()
        .collect();
    let runs = fold_runs(&events);
    let ids: Vec<_> = runs
        .iter()
        .map(|run| run.summary.request_id.as_str())
        .collect();
    assert_eq!(ids, ["z", "a"]);
    assert!(
        runs.iter()
            .all(|run| run.spans.len() == 1 && run.summary.anomalies.total() == 0)
    );
}

#[test]
fn a_captured_exporter_can_be_read_after_it_was_closed() {
    use runtrail_core::export::{SpanBatch, SpanExporter};
    let mut exporter = Box::new(CaptureSpans::default());
    let handle = exporter.handle();
    exporter.export(&SpanBatch::default()).unwrap();
    exporter.flush(std::time::Instant::now()).unwrap();
    exporter.close(std::time::Instant::now()).unwrap();
    let arrived = handle.arrived();
    assert_eq!(
        (arrived.batches, arrived.flushes, arrived.closed),
        (1, 1, true)
    );
}
