//! What a full queue lets in, and what it tells and remembers of the rest.

use std::time::Duration;

use runtrail_core::event::{Ctx, EventKind, Payload, TraceEvent};
use runtrail_core::json::RawJson;
use runtrail_core::pipeline::{DropCause, Overflow, Pipeline, Settings};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use runtrail_testkit::capture::{Capture, CaptureHandle};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::trouble::Gate;

use super::accounting::Gated;

const LIMIT: Duration = Duration::from_secs(20);

/// A pipeline with a queue of 64 events, whose exporter is stuck until the gate opens.
fn stuck() -> (Pipeline, Gate, CaptureHandle) {
    let gate = Gate::default();
    gate.shut();
    let capture = Capture::default();
    let arrived = capture.handle();
    let settings = Settings {
        queue_events: 64,
        overflow: Overflow::Block(LIMIT),
        ..Settings::default()
    };
    let builder = Pipeline::builder().settings(settings);
    let trail = builder
        .exporter(Gated(capture, gate.clone()))
        .start()
        .unwrap();
    (trail, gate, arrived)
}

fn raw(run: &str, id: &str, kind: EventKind, payload: &str, seq: u64) -> TraceEvent {
    TraceEvent {
        event_id: Text::new(id),
        request_id: Text::new(run),
        payload: Payload::new(&kind, payload).unwrap(),
        kind,
        op_name: Some(Text::from("op")),
        ctx: Ctx::default(),
        timestamp: Timestamp::from_micros(1_700_000_000_000_000 + seq as i64),
        seq,
        extra: None,
    }
}

/// Hands over what was recorded, to an exporter that need not take it.
fn pass_on(trail: &Pipeline) {
    let _ = trail.flush(Duration::from_millis(50));
    assert_eq!(trail.stats().imbalance(), 0);
}

fn tells(event: &TraceEvent) -> bool {
    let key = event.payload.raw().get("key").and_then(RawJson::as_str);
    key.as_deref() == Some("runtrail.lost")
}

#[test]
fn ends_that_name_no_opener_leave_with_those_that_were_refused() {
    const OPS: u64 = 70_000;
    let (trail, gate, arrived) = stuck();
    for op in 0..OPS {
        let start = raw("r", &format!("s{op}"), EventKind::OpStart, "{}", 2 * op);
        trail.emit(start);
        let end = raw("r", &format!("e{op}"), EventKind::OpEnd, "{}", 2 * op + 1);
        trail.emit(end);
    }
    pass_on(&trail);
    gate.open();
    assert!(trail.flush(LIMIT).is_complete());
    let ids = |kind: EventKind| {
        let events = arrived.arrived().events;
        let ids = events.into_iter().filter(|event| event.kind == kind);
        ids.map(|event| event.event_id[1..].to_owned())
            .collect::<Vec<_>>()
    };
    assert!(!ids(EventKind::OpStart).is_empty());
    assert_eq!(ids(EventKind::OpStart), ids(EventKind::OpEnd));
    for note in 0..20 {
        let id = format!("n{note}");
        trail.emit(raw(
            "fresh",
            &id,
            EventKind::Annotation,
            "{\"key\":\"k\"}",
            note,
        ));
    }
    assert!(trail.flush(LIMIT).is_complete());
    let events = arrived.arrived().events;
    let fresh = events.iter().filter(|event| event.request_id == "fresh");
    assert_eq!(fresh.count(), 20, "the queue is open again");
    let report = trail.shutdown(LIMIT);
    assert_eq!(report.stats.imbalance(), 0);
}

#[test]
fn a_run_that_ends_with_a_hole_is_told_of_it() {
    let (trail, gate, arrived) = stuck();
    let (ends, goes_on) = (trail.run("ends"), trail.run("goes on"));
    goes_on.annotate("first", || 1);
    pass_on(&trail);
    for _ in 0..100 {
        goes_on.annotate("fill", || 1);
    }
    pass_on(&trail);
    for _ in 0..10 {
        ends.annotate("lost", || 1);
    }
    // So that the last event before the run's end is of another one.
    goes_on.annotate("between", || 1);
    drop(ends);
    pass_on(&trail);
    gate.open();
    drop(goes_on);
    let report = trail.shutdown(LIMIT);
    assert_eq!(report.stats.imbalance(), 0);
    let arrived = arrived.arrived();
    let of_run = arrived
        .events
        .iter()
        .filter(|event| event.request_id == "ends");
    let notes: Vec<_> = of_run.map(tells).collect();
    assert_eq!(notes, [true]);
    assert!(arrived.ends.iter().any(|run| run.request_id == "ends"));
}

#[test]
fn a_second_opener_with_the_id_of_one_that_is_open_is_dropped() {
    let capture = Capture::default();
    let arrived = capture.handle();
    let trail = Pipeline::builder().exporter(capture).start().unwrap();
    let end = "{\"opener_id\":\"s\"}";
    trail.emit(raw("r", "s", EventKind::OpStart, "{}", 0));
    trail.emit(raw("r", "s", EventKind::OpStart, "{}", 1));
    trail.emit(raw("r", "e", EventKind::OpEnd, end, 2));
    // Once it has ended, its id may be used again.
    trail.emit(raw("r", "s", EventKind::OpStart, "{}", 3));
    trail.emit(raw("r", "f", EventKind::OpEnd, end, 4));
    let report = trail.shutdown(LIMIT);
    let stats = &report.stats;
    assert_eq!((stats.imbalance(), stats.truncated), (0, 0));
    assert_eq!(stats.dropped.total(), 1);
    let dropped = &stats.dropped;
    assert_eq!(dropped.of(DropCause::SecondStart, &EventKind::OpStart), 1);
    let events = arrived.arrived().events;
    let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, [0, 2, 3, 4]);
    assert_eq!(fold_runs(&events)[0].summary.truncated_ops, 0);
}
