//! Events → spans → events keeps ops, times, status, usage, groups and parents.

use std::collections::BTreeMap;
use std::time::Instant;

use proptest::prelude::*;
use runtrail_archive::{Archive, ReadOptions, SortOptions};
use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, Exporter};
use runtrail_core::span::{ParentRule, SpanName, SpanRecord};
use runtrail_otlp::OtlpLines;
use runtrail_otlp::map::Content;
use runtrail_testkit::fold::{FoldedRun, fold_runs};
use runtrail_testkit::golden::engine_samples;
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::strategies::{Ids, Shape, shaped_run};

/// Writes a stream as spans and reads it back.
fn there_and_back(events: &[TraceEvent]) -> Vec<TraceEvent> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.jsonl");
    let lines = OtlpLines::file(&path).variables([]).content(Content::ALL);
    let mut exporter = Box::new(lines.into_exporter());
    let mut ordered = events.to_vec();
    ordered.sort();
    exporter.export(&Batch::new(ordered, [])).unwrap();
    exporter.close(Instant::now()).unwrap();
    let mut archive = Archive::open(&[path.to_str().unwrap()]).unwrap();
    let mut read = Vec::new();
    let report = archive
        .read(ReadOptions::default(), &mut |event| read.push(event))
        .unwrap();
    assert_eq!(
        (report.rejected(), report.failed.len()),
        (0, 0),
        "{:?}",
        report.rejects
    );
    read
}

/// What must be the same of a span.
fn told(span: &SpanRecord) -> String {
    let name = match &span.name {
        SpanName::Op {
            op_name,
            ctx,
            occurrence,
        } => format!("op {op_name} {ctx:?} {occurrence}"),
        SpanName::Group { name, occurrence } => format!("group {name} {occurrence}"),
    };
    // A group's sum is told by its ops: one that ends after the group reports its call too late for it.
    let none = runtrail_core::span::Usage::default();
    let usage = if span.is_op() { &span.usage } else { &none };
    format!(
        "{name} {} {} {:?} {:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {:?} {:?} {:?}",
        span.status,
        span.started_at,
        span.ended_at,
        span.duration_ms,
        span.parent,
        span.missing,
        span.error,
        span.yields.count,
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.total_tokens,
        usage.cost_usd,
        usage.models,
        span.media.len(),
    )
}

fn by_id(run: &FoldedRun) -> BTreeMap<String, String> {
    run.spans
        .iter()
        .map(|span| (span.span_id.to_string(), told(span)))
        .collect()
}

fn assert_same(events: &[TraceEvent]) {
    let (mut before, mut after) = (fold_runs(events), fold_runs(&there_and_back(events)));
    before.sort_by(|one, other| one.summary.request_id.cmp(&other.summary.request_id));
    after.sort_by(|one, other| one.summary.request_id.cmp(&other.summary.request_id));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(by_id(before), by_id(after), "{}", before.summary.request_id);
        assert_eq!(before.summary.status, after.summary.status);
        assert_eq!(
            before.summary.usage.prompt_tokens,
            after.summary.usage.prompt_tokens
        );
        assert_eq!(before.summary.span_id, after.summary.span_id);
    }
}

#[test]
fn recorded_runs_come_back() {
    for sample in engine_samples() {
        assert_same(&sample.events);
    }
}

#[test]
fn what_started_a_run_comes_back() {
    let mut run = RunBuilder::new("r");
    for link in [
        r#"{"source":"run","from_request_id":"r-1","trigger_id":"on-end","at":"2026-11-21T01:00:00.5Z"}"#,
        r#"{"source":"event","from_event_id":"e","from_request_id":"r-2","trigger_run_id":"f","condition_id":"c","at":"2026-11-21T01:00:00Z"}"#,
        r#"{"source":"event","from_event_id":"e","trigger_id":"t","at":"2026-11-21T01:00:00Z"}"#,
        r#"{"source":"clock","trigger_id":"nightly","at":"2026-11-21T01:00:00Z"}"#,
        r#"{"source":"webhook","from_id":"w-1","at":"2026-11-21T01:00:00Z"}"#,
    ] {
        let payload = format!(r#"{{"key":"runtrail.link","value":{link}}}"#);
        run.push("annotation", None, &[], &payload);
    }
    run.push("op_start", Some("a"), &["main"], "{}");
    run.push("op_end", Some("a"), &["main"], r#"{"status":"ok"}"#);
    let events = run.into_events();
    let links = |events: &[TraceEvent]| fold_runs(events).remove(0).summary.links;
    assert_eq!(links(&events).len(), 5);
    // Those with a span to point to come first, the others after them, each in their order.
    assert_eq!(links(&there_and_back(&events)), links(&events));
}

#[test]
fn of_many_items_the_first_and_the_last_come_back_and_their_number() {
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("g"), &["main"], "{}");
    for index in 0..200 {
        let item = format!(r#"{{"yielded":{index},"idx":{index}}}"#);
        run.push("op_yield", Some("g"), &["main"], &item);
    }
    run.push("op_end", Some("g"), &["main"], r#"{"status":"ok"}"#);
    let yields = |events: &[TraceEvent]| fold_runs(events)[0].spans[0].yields.clone();
    let events = run.into_events();
    let (before, after) = (yields(&events), yields(&there_and_back(&events)));
    assert_eq!((before.count, before.seen), (200, 200));
    assert_eq!((after.count, after.seen), (200, 128));
    assert_eq!(after.moments, before.moments);
    assert_eq!(after.last_value, before.last_value);
    assert_eq!(after.last_index, Some(199));
}

fn groups(events: &[TraceEvent]) -> BTreeMap<String, Option<String>> {
    let runs = fold_runs(events);
    let spans = runs.iter().flat_map(|run| &run.spans);
    spans
        .map(|span| {
            let group = span.group.as_ref().map(|group| group.span_id.to_string());
            (span.span_id.to_string(), group)
        })
        .collect()
}

/// Whether some op was found to run on a generator's item, by its ctx: such a one comes back in the
/// generator's group, whatever group was open around it.
fn runs_on_items(events: &[TraceEvent]) -> bool {
    let runs = fold_runs(events);
    let mut spans = runs.iter().flat_map(|run| &run.spans);
    spans.any(|span| span.parent_rule == ParentRule::Yield)
}

/// Whether two spans beside each other, or two of one name, opened at one moment: nothing says which
/// was first, and so which is the first of that name.
fn has_tie(events: &[TraceEvent]) -> bool {
    let runs = fold_runs(events);
    let mut depths = std::collections::BTreeSet::new();
    let mut names = std::collections::BTreeSet::new();
    runs.iter().flat_map(|run| &run.spans).any(|span| {
        let moment = (span.started_at, span.seq);
        let name = (span.is_op(), span.label().to_string());
        !depths.insert((moment, span.depth)) || !names.insert((moment, name))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_the_emitter_writes_comes_back(events in shaped_run("r", Shape {
        ids: Ids::Always,
        balanced: true,
        max_steps: 60,
    })) {
        // A run without an op and a group has no span but its own, and so no events.
        prop_assume!(!has_tie(&events) && !fold_runs(&events)[0].spans.is_empty());
        assert_same(&events);
        let (before, after) = (groups(&events), groups(&there_and_back(&events)));
        if !runs_on_items(&events) {
            prop_assert_eq!(before, after);
        }
    }
}

#[test]
fn what_comes_back_can_be_sorted_and_sent_with_the_same_ids() {
    let sample = engine_samples()
        .into_iter()
        .find(|sample| sample.scenario == "nested")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.jsonl");
    let mut exporter = Box::new(OtlpLines::file(&path).variables([]).into_exporter());
    exporter
        .export(&Batch::new(sample.events.clone(), []))
        .unwrap();
    exporter.close(Instant::now()).unwrap();
    let archive = Archive::open(&[path.to_str().unwrap()]).unwrap();
    let sorted = archive
        .sorted(ReadOptions::default(), SortOptions::default())
        .unwrap();
    assert!(sorted.report().events > 0);
    let ids = |runs: Vec<FoldedRun>| -> Vec<_> {
        let spans = runs.into_iter().flat_map(|run| run.spans);
        let mut ids: Vec<_> = spans.map(|span| span.span_id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(
        ids(fold_runs(&sample.events)),
        ids(fold_runs(&there_and_back(&sample.events)))
    );
}
