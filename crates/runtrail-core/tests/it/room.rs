//! Who finds room where there is little.

use std::time::Duration;

use runtrail_core::emit::{LlmUsage, Op, Run};
use runtrail_core::event::{Ctx, EventKind, TraceEvent};
use runtrail_core::pipeline::{DropCause, Pipeline, Settings, ShutdownReport};
use runtrail_core::wire::WireReader;
use runtrail_testkit::capture::Capture;
use runtrail_testkit::trouble::{Gate, GatedProcessor};

const LIMIT: Duration = Duration::from_secs(20);
const LEFT_OUT: &str = "(value left out)";

/// Records into a pipeline whose worker waits at a gate, which is opened afterwards.
fn while_nothing_is_taken(
    settings: Settings,
    before: impl FnOnce(&Run) -> Vec<Op>,
    record: impl FnOnce(&Pipeline, &Run, Vec<Op>),
) -> (ShutdownReport, Vec<TraceEvent>) {
    let gate = Gate::default();
    let capture = Capture::default();
    let arrived = capture.handle();
    let builder = Pipeline::builder().settings(settings).exporter(capture);
    let builder = builder.processor(GatedProcessor(gate.clone()));
    let trail = builder.start().unwrap();
    let run = trail.run("r1");
    let ops = before(&run);
    assert!(trail.flush(LIMIT).is_complete());
    gate.shut();
    let passed = gate.arrived();
    run.annotate("first", || 1);
    gate.wait_for(passed + 1);
    record(&trail, &run, ops);
    assert_eq!(trail.stats().imbalance(), 0);
    gate.open();
    assert!(trail.flush(LIMIT).is_complete());
    drop(run);
    let report = trail.shutdown(LIMIT);
    assert_eq!(report.stats.imbalance(), 0, "{report}");
    assert_eq!(report.left(), 0, "{report}");
    (report, arrived.arrived().events)
}

fn open(run: &Run, count: usize) -> Vec<Op> {
    (0..count)
        .map(|_| run.op("op", &Ctx::default(), || 1))
        .collect()
}

fn ends(events: &[TraceEvent]) -> Vec<&str> {
    let ends = events.iter().filter(|event| event.kind == EventKind::OpEnd);
    ends.map(|end| end.payload.text().as_str()).collect()
}

fn little() -> Settings {
    Settings {
        max_bytes: 1 << 20,
        ..Settings::default()
    }
}

#[test]
fn an_end_comes_without_outputs_that_no_ring_could_take() {
    let capture = Capture::default();
    let arrived = capture.handle();
    let builder = Pipeline::builder().settings(little()).exporter(capture);
    let trail = builder.start().unwrap();
    let run = trail.run("r1");
    // Less than what one payload may have, and more than all rings may.
    let outputs = "x".repeat(600_000);
    open(&run, 1).remove(0).end_ok(|| &outputs);
    open(&run, 1).remove(0).end_error("io::Error", &outputs);
    drop(run);
    let mut reader = WireReader::default();
    for (number, kind, payload) in [
        (0, "op_start", r#"{"inputs":1}"#),
        (
            1,
            "op_end",
            &*format!(r#"{{"outputs":"{outputs}","status":"ok"}}"#),
        ),
    ] {
        let line = format!(
            r#"{{"event_id":"{number}","request_id":"r2","kind":"{kind}","op_name":"op","timestamp":"2026-11-21T01:00:00Z","seq":{number},"payload":{payload}}}"#
        );
        trail.emit(reader.read(&line.as_str().into()).unwrap());
    }
    let report = trail.shutdown(LIMIT);
    assert_eq!(report.stats.imbalance(), 0, "{report}");
    assert_eq!(report.stats.dropped.total(), 0, "{report}");
    assert_eq!(report.stats.truncated, 0);
    let events = arrived.arrived().events;
    let ends = ends(&events);
    let [ok, error, raw] = ends[..] else {
        panic!("{ends:?}");
    };
    assert!(
        ok.starts_with(&format!(r#"{{"outputs":"{LEFT_OUT}","status":"ok""#)),
        "{ok}"
    );
    let said = format!(r#""error":{{"type":"io::Error","message":"{LEFT_OUT}"}}"#);
    assert!(
        error.contains(r#""status":"error""#) && error.contains(&said),
        "{error}"
    );
    assert_eq!(raw, format!(r#"{{"outputs":"{LEFT_OUT}","status":"ok"}}"#));
}

#[test]
fn an_eighth_of_the_bytes_is_kept_for_ends_and_usage() {
    let (text, model) = ("x".repeat(1000), "m".repeat(300));
    let (report, events) = while_nothing_is_taken(
        little(),
        |run| open(run, 200),
        |trail, run, ops| {
            while trail.stats().dropped.by_cause(DropCause::Bytes) < 100 {
                run.annotate("large", || &text);
            }
            for op in ops {
                op.llm_usage(LlmUsage {
                    prompt_tokens: Some(12),
                    ..LlmUsage::of(&model)
                });
                op.end_ok(|| &text);
            }
        },
    );
    let dropped = &report.stats.dropped;
    let notes = dropped.of(DropCause::Bytes, &EventKind::Annotation);
    assert_eq!(dropped.total(), notes, "{report}");
    assert_eq!(report.stats.truncated, 0);
    let whole = |end: &&&str| !end.contains(LEFT_OUT);
    let ends = ends(&events);
    let whole = ends.iter().filter(whole).count();
    assert_eq!(ends.len(), 200);
    // 64 KiB are kept, which usage takes a share of.
    assert!((30..64).contains(&whole), "{whole} have their outputs");
    let usage = events
        .iter()
        .filter(|event| event.kind == EventKind::LlmUsage);
    let tokens = usage.filter(|event| event.payload.text().contains(r#""prompt_tokens":12"#));
    assert_eq!(tokens.count(), 200);
}

#[test]
fn ends_find_room_beside_the_cells_and_without_it_come_alone() {
    let text = "x".repeat(300);
    let settings = Settings {
        ring_events: 64,
        ..Settings::default()
    };
    let (report, events) = while_nothing_is_taken(
        settings,
        |run| open(run, 20),
        |trail, run, ops| {
            while trail.stats().dropped.by_cause(DropCause::RingFull) < 10 {
                run.annotate("large", || &text);
            }
            for op in ops {
                op.end_ok(|| &text);
            }
        },
    );
    let dropped = &report.stats.dropped;
    let notes = dropped.of(DropCause::RingFull, &EventKind::Annotation);
    assert_eq!((dropped.total(), report.stats.truncated), (notes, 0));
    let ends = ends(&events);
    let whole = ends.iter().filter(|end| end.contains(&text)).count();
    let left_out = ends.iter().filter(|end| end.contains(LEFT_OUT)).count();
    assert_eq!((whole, left_out), (8, 12));
}
