//! How events arrive does not matter.

use std::time::Instant;

use proptest::prelude::*;
use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, Exporter, Spans};
use runtrail_core::span::{RunSummary, SpanRecord};
use runtrail_testkit::capture::CaptureSpans;
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
