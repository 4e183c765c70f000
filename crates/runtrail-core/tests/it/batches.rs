//! How events arrive does not matter.

use std::time::Instant;

use proptest::prelude::*;
use runtrail_core::event::TraceEvent;
use runtrail_core::export::{
    Batch, ExportError, ExportErrorKind, Exporter, Rejection, SpanBatch, SpanExporter, Spans,
    in_full,
};
use runtrail_core::span::{RunSummary, SpanRecord};
use runtrail_testkit::capture::CaptureSpans;
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::strategies;

type Folded = (Vec<SpanRecord>, Vec<RunSummary>);

/// What a span exporter is handed of some batches.
fn exported(batches: &[Batch]) -> Folded {
    let capture = CaptureSpans::default();
    let handle = capture.handle();
    let mut exporter = Box::new(Spans::new(capture));
    for batch in batches {
        exporter.export(batch).unwrap();
    }
    exporter.close(Instant::now()).unwrap();
    let arrived = handle.arrived();
    assert!(arrived.closed);
    (arrived.spans, arrived.runs)
}

fn in_one_batch(events: &[TraceEvent]) -> Folded {
    exported(&strategies::batches_at(events, &[]))
}

fn of_run(folded: &Folded, request_id: &str) -> Folded {
    let spans = folded
        .0
        .iter()
        .filter(|span| span.request_id == *request_id)
        .cloned()
        .collect();
    let runs = folded
        .1
        .iter()
        .filter(|run| run.request_id == *request_id)
        .cloned()
        .collect();
    (spans, runs)
}

/// Takes all spans but the first.
struct Refuses;

impl SpanExporter for Refuses {
    fn name(&self) -> &'static str {
        "refuses"
    }

    fn export(&mut self, _batch: &SpanBatch) -> Result<(), ExportError> {
        let first = Rejection {
            index: 0,
            reason: "no such model".to_owned(),
        };
        let kind = ExportErrorKind::Rejected(vec![first]);
        Err(ExportError::new(kind, "the server refused some"))
    }

    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }

    fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }
}

#[test]
fn places_of_spans_are_not_taken_for_places_of_events() {
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("x"), &[], "{}");
    run.push("op_end", Some("x"), &[], "{}");
    let batch = Batch::new(run.into_events(), []);
    let mut spans = Box::new(Spans::new(Refuses));
    let of_batch = spans.export(&batch).unwrap_err();
    spans.export(&in_half()).unwrap();
    let of_close = spans.close(Instant::now()).unwrap_err();
    for error in [of_batch, of_close] {
        assert_eq!(*error.kind(), ExportErrorKind::Permanent);
        let said = in_full(&error);
        assert!(
            said.contains("no such model") && said.ends_with("the server refused some"),
            "{said}"
        );
    }
}

/// A batch of a run that goes on, in which nothing has ended.
fn in_half() -> Batch {
    let mut run = RunBuilder::new("other");
    run.push("op_start", Some("x"), &[], "{}");
    Batch::new(run.into_events(), [])
}

proptest! {
    #[test]
    fn any_split_into_batches_gives_the_same_spans(
        (stream, batches) in strategies::runs()
            .prop_flat_map(strategies::interleaved)
            .prop_flat_map(|stream| (Just(stream.clone()), strategies::split_into_batches(stream)))
    ) {
        prop_assert_eq!(exported(&batches), in_one_batch(&stream));
    }

    #[test]
    fn any_shuffle_gives_the_same_spans_once_it_is_sorted(
        (run, mut shuffled) in strategies::run("r")
            .prop_flat_map(|run| (Just(run.clone()), strategies::shuffled(run)))
    ) {
        shuffled.sort();
        prop_assert_eq!(in_one_batch(&shuffled), in_one_batch(&run));
    }

    #[test]
    fn interleaved_runs_fold_as_they_do_one_by_one(
        (runs, stream) in strategies::runs().prop_flat_map(|runs| (Just(runs.clone()), strategies::interleaved(runs)))
    ) {
        let together = in_one_batch(&stream);
        for run in &runs {
            prop_assert_eq!(of_run(&together, &run[0].request_id), in_one_batch(run));
        }
        prop_assert_eq!(together.1.len(), runs.len());
    }

    #[test]
    fn a_run_that_nobody_ended_is_closed_with_the_exporter(run in strategies::run("r")) {
        let open = exported(&[Batch::new(run.clone(), [])]);
        prop_assert_eq!(open, in_one_batch(&run));
    }
}

/// Exporters bound what they hold of unfinished runs, so the end of a run must not wait for the
/// end of the batch.
#[test]
fn the_end_of_a_run_is_handed_on_before_later_spans() {
    let mut runs = ["a", "b"].map(|id| {
        let mut run = runtrail_testkit::run::RunBuilder::new(id);
        run.push("op_start", Some("x"), &[], "{}");
        run.push("op_end", Some("x"), &[], "{}");
        run.into_events()
    });
    let stream = std::mem::take(&mut runs).concat();
    let capture = CaptureSpans::default();
    let handle = capture.handle();
    Spans::new(capture)
        .export(&strategies::batches_at(&stream, &[])[0])
        .unwrap();
    let arrived = handle.arrived();
    assert_eq!(
        (arrived.spans.len(), arrived.runs.len(), arrived.batches),
        (2, 2, 2)
    );
}
