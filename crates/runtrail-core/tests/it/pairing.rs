//! Every opened span is handed out once, and what cannot be paired is counted.

use std::collections::BTreeSet;

use proptest::prelude::*;
use runtrail_core::event::{EventKind, TraceEvent};
use runtrail_core::fold::{Detail, Fold, FoldLimits};
use runtrail_core::span::{LlmCall, MissingEnd, YieldMoments};
use runtrail_testkit::fold::{FoldedRun, fold_runs};
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::strategies;

fn folded(events: &[TraceEvent]) -> FoldedRun {
    fold_runs(events).remove(0)
}

/// The openers of a run, exact repeats left out.
fn openers(events: &[TraceEvent]) -> BTreeSet<&str> {
    let opens =
        |event: &&TraceEvent| matches!(event.kind, EventKind::OpStart | EventKind::GroupStart);
    events
        .iter()
        .filter(opens)
        .map(|event| &*event.event_id)
        .collect()
}

proptest! {
    #[test]
    fn every_opened_span_is_handed_out_once(events in strategies::run("r")) {
        let FoldedRun { spans, summary } = folded(&events);
        let anomalies = &summary.anomalies;
        let ended_only = anomalies.op_end_without_start + anomalies.group_end_without_start;
        prop_assert_eq!(openers(&events).len() as u64 + ended_only, spans.len() as u64);

        let handed_out: Vec<_> = spans.iter().filter_map(|span| span.start_event_id.as_deref()).collect();
        prop_assert_eq!(handed_out.len(), openers(&events).len());
        prop_assert_eq!(handed_out.into_iter().collect::<BTreeSet<_>>(), openers(&events));

        let ids: BTreeSet<_> = spans.iter().map(|span| span.span_id).chain([summary.span_id]).collect();
        prop_assert_eq!(ids.len(), spans.len() + 1);
    }

    #[test]
    fn the_summary_counts_the_spans(events in strategies::run("r")) {
        let FoldedRun { spans, summary } = folded(&events);
        let count = |wanted: &dyn Fn(&runtrail_core::span::SpanRecord) -> bool| {
            spans.iter().filter(|span| wanted(span)).count() as u64
        };
        prop_assert_eq!(summary.ops, count(&|span| span.is_op()));
        prop_assert_eq!(summary.groups, count(&|span| !span.is_op()));
        let anomalies = &summary.anomalies;
        let missing = |end, is_op| count(&|span| span.missing == Some(end) && span.is_op() == is_op);
        prop_assert_eq!(anomalies.op_end_without_start, missing(MissingEnd::Start, true));
        prop_assert_eq!(anomalies.op_start_without_end, missing(MissingEnd::End, true));
        prop_assert_eq!(anomalies.group_end_without_start, missing(MissingEnd::Start, false));
        prop_assert_eq!(anomalies.group_start_without_end, missing(MissingEnd::End, false));
        let repeats = events.windows(2).filter(|pair| pair[0] == pair[1]).count();
        prop_assert_eq!(anomalies.duplicates, repeats as u64);
        prop_assert_eq!(summary.events + anomalies.duplicates, events.len() as u64);
    }

    #[test]
    fn usage_adds_up_over_the_run(events in strategies::run("r")) {
        let FoldedRun { spans, summary } = folded(&events);
        let distinct: BTreeSet<_> = events.iter().filter(|e| e.kind == EventKind::LlmUsage).collect();
        prop_assert_eq!(summary.usage.calls, distinct.len() as u64);
        let of_ops: u64 = spans.iter().filter(|span| span.is_op()).map(|span| span.usage.calls).sum();
        prop_assert!(of_ops <= summary.usage.calls);
    }

    #[test]
    fn a_span_lies_within_the_run_in_time(events in strategies::run("r")) {
        let FoldedRun { spans, summary } = folded(&events);
        for span in &spans {
            // Where only the end is known the start is derived, and may come before the run's.
            prop_assert!(span.missing == Some(MissingEnd::Start) || span.started_at >= summary.started_at);
            prop_assert!(span.started_at <= span.last_seen && span.last_seen <= summary.ended_at);
            prop_assert!(span.ended_at.is_none_or(|ended| span.started_at <= ended));
        }
    }

    #[test]
    fn limits_count_what_they_leave_out(events in strategies::run("r"), open in 1..4_usize, held in 0..40_usize) {
        let limits = FoldLimits { max_open_spans: open, max_held_bytes: held, ..FoldLimits::default() };
        let mut fold = Fold::new("", limits);
        let mut spans = Vec::new();
        for event in &events {
            fold.push(event, &mut spans);
        }
        let summary = fold.finish_run("r", &mut spans).unwrap();
        let anomalies = &summary.anomalies;
        let ended_only = anomalies.op_end_without_start + anomalies.group_end_without_start;
        let admitted = openers(&events).len() as u64 - anomalies.open_limit;
        prop_assert_eq!(admitted + ended_only, spans.len() as u64);
    }

    #[test]
    fn without_content_all_else_is_the_same(events in strategies::run("r")) {
        let mut fold = Fold::new("", FoldLimits { detail: Detail::Spans, ..FoldLimits::default() });
        let mut spans = Vec::new();
        for event in &events {
            fold.push(event, &mut spans);
        }
        let summary = fold.finish_run("r", &mut spans).unwrap();
        let mut wanted = folded(&events);
        for span in &mut wanted.spans {
            span.inputs = None;
            span.outputs = None;
            span.annotations.clear();
            span.metadata = None;
            span.media.clear();
            span.yields.last_value = None;
            span.yields.moments = YieldMoments::default();
            span.llm_calls.clear();
        }
        wanted.summary.metadata = None;
        wanted.summary.stray_calls.clear();
        prop_assert_eq!(FoldedRun { spans, summary }, wanted);
    }

    #[test]
    fn without_spans_the_summary_is_the_same(events in strategies::run("r"), open in 1..9_usize) {
        let limits = |detail| FoldLimits { max_open_spans: open, detail, ..FoldLimits::default() };
        let mut folds = [Detail::Summary, Detail::Spans].map(|detail| Fold::new("", limits(detail)));
        let [counted, wanted] = &mut folds;
        let (mut none, mut spans) = (Vec::new(), Vec::new());
        for event in &events {
            counted.push(event, &mut none);
            wanted.push(event, &mut spans);
        }
        prop_assert_eq!(counted.finish_run("r", &mut none), wanted.finish_run("r", &mut spans));
        prop_assert_eq!(none, vec![]);
    }

    /// A fold takes over the room of runs that it has finished, and none of what was in them.
    #[test]
    fn a_run_is_the_same_after_others(first in strategies::run("r"), second in strategies::run("r")) {
        let mut fold = Fold::default();
        for events in [&first, &second, &first] {
            let mut spans = Vec::new();
            for event in events {
                fold.push(event, &mut spans);
            }
            let summary = fold.finish_run("r", &mut spans).unwrap();
            prop_assert_eq!(FoldedRun { spans, summary }, folded(events));
        }
    }
}

/// Ten thousands of spans that are open at once and close in the order of their starts, as those
/// of a wide map do, take no time to speak of: a scan for each would be felt here.
#[test]
fn closing_out_of_turn_is_no_slower() {
    const OPEN: usize = 50_000;
    let mut run = RunBuilder::new("r");
    for (start, end, named) in [
        ("op_start", "op_end", true),
        ("group_start", "group_end", false),
    ] {
        for kind in [start, end] {
            for index in 0..OPEN {
                let name = format!("n{index}");
                let payload = format!(r#"{{"name":"{name}"}}"#);
                run.push(kind, named.then_some(&*name), &["main"], &payload);
            }
        }
    }
    let FoldedRun { spans, summary } = folded(run.events());
    assert_eq!((spans.len(), summary.anomalies.total()), (2 * OPEN, 0));
    let started: Vec<_> = spans.iter().map(|span| span.seq).collect();
    assert!(
        started.is_sorted(),
        "they closed in the order of their starts"
    );
}

#[test]
fn calls_and_yields_are_kept_one_by_one_within_bounds() {
    let mut run = RunBuilder::new("r");
    let usage = |tokens: u64| format!(r#"{{"model":"m","prompt_tokens":{tokens}}}"#);
    run.push("llm_usage", None, &[], &usage(7));
    run.push("op_start", Some("a"), &["main"], "{}");
    for index in 0..200 {
        let payload = format!(r#"{{"idx":{index},"yielded":0}}"#);
        run.push("op_yield", Some("a"), &["main"], &payload);
    }
    run.push("llm_usage", Some("a"), &["main"], &usage(1));
    run.push("llm_usage", Some("a"), &["main"], &usage(2));
    run.push("op_end", Some("a"), &["main"], "{}");
    let events = run.into_events();
    let run = folded(&events);
    let op = &run.spans[0];
    let tokens = |calls: &[LlmCall]| {
        calls
            .iter()
            .map(|call| call.prompt_tokens)
            .collect::<Vec<_>>()
    };
    assert_eq!(tokens(&op.llm_calls), [Some(1), Some(2)]);
    assert_eq!(tokens(&run.summary.stray_calls), [Some(7)]);
    let moments: Vec<_> = op
        .yields
        .moments
        .iter()
        .filter_map(|moment| moment.index)
        .collect();
    assert_eq!(moments, (0..64).chain(136..200).collect::<Vec<_>>());

    // A call has no room beside the yielded items; its figures are in the sum all the same.
    let mut fold = Fold::new(
        "",
        FoldLimits {
            max_held_bytes: 8,
            ..FoldLimits::default()
        },
    );
    let mut spans = Vec::new();
    for event in &events {
        fold.push(event, &mut spans);
    }
    assert_eq!(
        (spans[0].llm_calls.len(), spans[0].usage.prompt_tokens),
        (0, Some(3))
    );
    assert!(spans[0].content_dropped > 0);
}
