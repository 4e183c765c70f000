//! What the worker has to get past, and what it is asked for besides events.

use std::time::Duration;

use runtrail_core::event::{Ctx, EventKind, TraceEvent};
use runtrail_core::pipeline::{Builder, DropCause, Pipeline, Settings, ShutdownReport};
use runtrail_testkit::capture::{Capture, CaptureHandle};
use runtrail_testkit::run::RunBuilder;

const LIMIT: Duration = Duration::from_secs(20);

fn capturing() -> (Builder, CaptureHandle) {
    let capture = Capture::default();
    let arrived = capture.handle();
    (Pipeline::builder().exporter(capture), arrived)
}

/// Ends a pipeline of which nothing may be left.
fn end(trail: &Pipeline) -> ShutdownReport {
    let report = trail.shutdown(LIMIT);
    assert!(report.worker_done, "{report}");
    assert_eq!(report.stats.imbalance(), 0, "{report}");
    assert_eq!(report.left(), 0, "{report}");
    report
}

/// A start as an engine makes it itself.
fn made_start(run: &str) -> TraceEvent {
    let mut made = RunBuilder::new(run);
    made.push("op_start", Some("made"), &[], "{}");
    made.events()[0].clone()
}

#[test]
fn an_op_that_may_not_begin_leaves_nothing_behind() {
    let (builder, arrived) = capturing();
    let settings = Settings {
        max_open: 1,
        ..Settings::default()
    };
    let trail = builder.settings(settings).start().unwrap();
    let run = trail.run("r");
    // Only the ledger knows of it, so it is the ledger that refuses the op.
    trail.emit(made_start("r"));
    run.op("refused", &Ctx::default(), || "z".repeat(120_000))
        .end_ok(|| 1);
    run.annotate("after", || 1);
    for _ in 0..2000 {
        run.op("refused", &Ctx::default(), || "z".repeat(80))
            .end_ok(|| 1);
    }
    run.annotate("last", || 1);
    assert!(trail.flush(LIMIT).is_complete());
    drop(run);
    let report = end(&trail);
    let dropped = &report.stats.dropped;
    let starts = dropped.of(DropCause::OpenLimit, &EventKind::OpStart);
    assert!(starts > 0, "{dropped:?}");
    let events = arrived.arrived().events;
    assert_eq!(events.len() as u64 + dropped.total(), report.stats.emitted);
    let numbers: Vec<_> = events.iter().map(|event| event.seq).collect();
    let gapless: Vec<_> = (0..events.len() as u64).collect();
    assert_eq!(numbers, gapless);
}
