//! The pipeline from emitting to exporting, on the usual path.

use std::time::Duration;

use runtrail_core::emit::{self, InOp, LlmUsage};
use runtrail_core::event::{Ctx, EventKind, TraceEvent};
use runtrail_core::pipeline::{Builder, Clock, DropCause, ManualClock, Pipeline, ShutdownReport};
use runtrail_core::time::Timestamp;
use runtrail_core::wire::{WireReader, event_to_json};
use runtrail_testkit::capture::{Capture, CaptureHandle};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::tree::tree_text;

const SECOND: Duration = Duration::from_secs(10);

struct Live {
    trail: Pipeline,
    hand: ManualClock,
    arrived: CaptureHandle,
}

fn builder() -> (Builder, ManualClock, CaptureHandle) {
    let (clock, hand) = Clock::manual(Timestamp::from_micros(1_795_222_800_000_000));
    let capture = Capture::default();
    let arrived = capture.handle();
    let builder = Pipeline::builder()
        .clock(clock)
        .emitter_id(7)
        .exporter(capture);
    (builder, hand, arrived)
}

fn start() -> Live {
    let (builder, hand, arrived) = builder();
    Live {
        trail: builder.start().unwrap(),
        hand,
        arrived,
    }
}

impl Live {
    fn tick(&self) {
        self.hand.advance(Duration::from_millis(1));
    }

    fn end(self) -> (ShutdownReport, Vec<TraceEvent>) {
        let report = self.trail.shutdown(SECOND);
        assert_eq!(report.stats.imbalance(), 0, "{report}");
        assert_eq!(report.left(), 0, "{report}");
        (report, self.arrived.arrived().events)
    }
}

fn tree(events: &[TraceEvent]) -> String {
    let runs = fold_runs(events);
    runs.iter()
        .map(|run| tree_text(&run.spans, &run.summary))
        .collect()
}

#[test]
fn a_run_arrives_as_it_was_recorded() {
    let live = start();
    let run = live.trail.run("r1");
    let ctx = Ctx::new(["main"]);
    {
        let _turn = run.group_with("turn-1", || serde_json::json!({"model": "large"}));
        live.tick();
        let op = run.op("main.fetch", &ctx, || ("https://example.org", 3));
        op.annotate("cache", || "miss");
        live.tick();
        assert_eq!(op.yield_item(|| "a"), 0);
        op.llm_usage(LlmUsage {
            prompt_tokens: Some(8),
            cost_usd: Some(0.25),
            ..LlmUsage::of("large-2")
        });
        op.op("main.fetch.dns", || ()).end_error("io", "no route");
        op.end_ok(|| serde_json::json!({"rows": [1, 2.5]}));
        live.tick();
    }
    run.annotate("note", || true);
    drop(run);
    let (report, events) = live.end();
    assert!(report.is_complete(), "{report}");
    let lines: Vec<_> = events.iter().map(event_to_json).collect();
    let id = lines[0]
        .split('"')
        .nth(3)
        .unwrap()
        .trim_end_matches("-0")
        .to_owned();
    assert_eq!(id.len(), 16);
    let text: Vec<_> = lines.iter().map(|line| line.replace(&id, "E")).collect();
    assert_eq!(
        text,
        [
            r#"{"event_id":"E-0","request_id":"r1","kind":"group_start","op_name":null,"ctx":[],"timestamp":"2026-11-21T01:00:00.000000Z","seq":0,"payload":{"name":"turn-1","parent_id":null,"model":"large"}}"#,
            r#"{"event_id":"E-1","request_id":"r1","kind":"op_start","op_name":"main.fetch","ctx":["main"],"timestamp":"2026-11-21T01:00:00.001000Z","seq":1,"payload":{"inputs":["https://example.org",3],"parent_id":null}}"#,
            r#"{"event_id":"E-2","request_id":"r1","kind":"annotation","op_name":"main.fetch","ctx":["main"],"timestamp":"2026-11-21T01:00:00.001000Z","seq":2,"payload":{"key":"cache","value":"miss","opener_id":"E-1"}}"#,
            r#"{"event_id":"E-3","request_id":"r1","kind":"op_yield","op_name":"main.fetch","ctx":["main"],"timestamp":"2026-11-21T01:00:00.002000Z","seq":3,"payload":{"yielded":"a","idx":0,"opener_id":"E-1"}}"#,
            r#"{"event_id":"E-4","request_id":"r1","kind":"llm_usage","op_name":"main.fetch","ctx":["main"],"timestamp":"2026-11-21T01:00:00.002000Z","seq":4,"payload":{"model":"large-2","prompt_tokens":8,"cost_usd":0.25,"opener_id":"E-1"}}"#,
            r#"{"event_id":"E-5","request_id":"r1","kind":"op_start","op_name":"main.fetch.dns","ctx":["main"],"timestamp":"2026-11-21T01:00:00.002000Z","seq":5,"payload":{"inputs":null,"parent_id":"E-1"}}"#,
            r#"{"event_id":"E-6","request_id":"r1","kind":"op_end","op_name":"main.fetch.dns","ctx":["main"],"timestamp":"2026-11-21T01:00:00.002000Z","seq":6,"payload":{"outputs":null,"status":"error","duration_ms":0.0,"error":{"type":"io","message":"no route"},"opener_id":"E-5"}}"#,
            r#"{"event_id":"E-7","request_id":"r1","kind":"op_end","op_name":"main.fetch","ctx":["main"],"timestamp":"2026-11-21T01:00:00.002000Z","seq":7,"payload":{"outputs":{"rows":[1,2.5]},"status":"ok","duration_ms":1.0,"yield_count":1,"opener_id":"E-1"}}"#,
            r#"{"event_id":"E-8","request_id":"r1","kind":"group_end","op_name":null,"ctx":[],"timestamp":"2026-11-21T01:00:00.003000Z","seq":8,"payload":{"name":"turn-1","status":"ok","opener_id":"E-0"}}"#,
            r#"{"event_id":"E-9","request_id":"r1","kind":"annotation","op_name":null,"ctx":[],"timestamp":"2026-11-21T01:00:00.003000Z","seq":9,"payload":{"key":"note","value":true}}"#,
        ]
    );
}

#[test]
fn every_payload_reads_as_the_text_does() {
    let live = start();
    let run = live.trail.run("r\"\n1");
    let big = "x\"\u{1}é".repeat(500);
    let op = run.op("o\\p", &Ctx::new(["a\"b"]), || &big);
    op.annotate("k\"", || &big);
    op.end_error("a\"kind", &big);
    drop(run.group_with("g\"", || &big));
    drop(run);
    let (_, events) = live.end();
    let mut reader = WireReader::default();
    for event in &events {
        let text = event_to_json(event);
        let read = reader.read(&text.as_str().into()).unwrap();
        assert!(read.is_repeat_of(event), "{text}");
        // The fields were noted while they were written, and the reader found the same.
        assert_eq!(read.payload.slots(), event.payload.slots(), "{text}");
    }
    assert_eq!(events.len(), 5);
}

#[test]
fn code_deep_inside_finds_the_op_it_is_in() {
    async fn deep() -> u32 {
        emit::annotate("deep", || 1);
        tokio::task::yield_now().await;
        let child = emit::op("child", || ());
        let spawned = tokio::spawn(
            async {
                tokio::task::yield_now().await;
                emit::annotate("spawned", || 2);
            }
            .in_op(&child),
        );
        spawned.await.unwrap();
        child.end_ok(|| ());
        3
    }
    let live = start();
    let run = live.trail.run("r1");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let outer = run.op("outer", &Ctx::new(["main"]), || ());
    let other = run.op("other", &Ctx::new(["main"]), || ());
    runtime.block_on(async {
        let one = deep().in_op(&outer);
        let two = deep().in_op(&other);
        assert_eq!(tokio::join!(one, two), (3, 3));
    });
    let before = emit::outside_any_op();
    emit::annotate("nowhere", || -> u32 {
        panic!("outside of any op nothing is evaluated")
    });
    assert!(emit::outside_any_op() > before);
    {
        let _inside = outer.enter();
        emit::annotate("sync", || 4);
        run.op("inner", &Ctx::new(["main"]), || ()).end_ok(|| ());
    }
    outer.end_ok(|| ());
    other.end_ok(|| ());
    drop(run);
    let (report, events) = live.end();
    assert!(report.is_complete(), "{report}");
    // Which of the two child ops came first is not the point here.
    assert_eq!(
        tree(&events).replace("#1", "#0"),
        "\
run r1 ok 0ms: 15 events, 5 ops
  op outer main #0 ok 0ms by run
    in: null
    out: null
    note deep: 1
    note sync: 4
    op child main #0 ok 0ms by parent_id
      in: null
      out: null
      note spawned: 2
    op inner main #0 ok 0ms by parent_id
      in: null
      out: null
  op other main #0 ok 0ms by run
    in: null
    out: null
    note deep: 1
    op child main #0 ok 0ms by parent_id
      in: null
      out: null
      note spawned: 2
"
    );
}

#[test]
fn a_disabled_pipeline_evaluates_nothing() {
    fn never() -> u32 {
        panic!("nothing is evaluated where nothing is recorded")
    }
    let wanted = builder().0.record_if(|id| id != "r1").start().unwrap();
    for trail in [Pipeline::disabled(), wanted] {
        let run = trail.run("r1");
        let op = run.op("op", &Ctx::default(), never);
        op.annotate("k", never);
        assert_eq!(op.yield_item(never), 0);
        op.llm_usage(LlmUsage::of("m"));
        let _inside = op.enter();
        emit::annotate("k", never);
        op.op("child", never).end_ok(never);
        drop(run.group_with("g", never));
        assert!(!run.is_recorded() && !op.is_recorded());
        op.end_ok(never);
        assert_eq!(trail.stats().emitted, 0);
        assert_eq!(trail.shutdown(SECOND).stats.emitted, 0);
    }
}

#[test]
fn yields_are_thinned_out_but_counted() {
    let live = start();
    let run = live.trail.run("r1");
    let op = run.op("gen", &Ctx::default(), || ()).yields_every(4);
    for item in 0..10 {
        assert_eq!(op.yield_item(|| item), item);
    }
    op.end_ok(|| ());
    drop(run);
    let (_, events) = live.end();
    let yields = events.iter().filter(|e| e.kind == EventKind::OpYield);
    let texts: Vec<_> = yields
        .map(|e| e.payload.raw().get("idx").unwrap().text().to_owned())
        .collect();
    assert_eq!(texts, ["0", "4", "8"]);
    let end = events.last().unwrap().payload.raw();
    assert_eq!(end.get("yield_count").unwrap().text(), "10");
}

#[test]
fn flush_delivers_and_closes_nothing() {
    let live = start();
    let run = live.trail.run("r1");
    let _turn = run.group("turn");
    let op = run.op("op", &Ctx::default(), || ());
    assert!(live.trail.flush(SECOND).is_complete());
    assert_eq!(live.arrived.arrived().events.len(), 2);
    assert_eq!(live.arrived.arrived().flushes, 1);
    op.end_ok(|| ());
    assert!(live.trail.flush(SECOND).is_complete());
    let arrived = live.arrived.arrived();
    assert_eq!(arrived.events.len(), 3);
    assert!(arrived.ends.is_empty());
    assert_eq!(live.trail.stats().truncated, 0);
}

#[test]
fn what_is_open_at_the_end_is_closed_innermost_first() {
    let live = start();
    let run = live.trail.run("r1");
    let first = run.op("first", &Ctx::default(), || ());
    let outer = run.group("outer");
    let second = outer.op("second", &Ctx::new(["a"]), || ());
    let inner = outer.group("inner");
    let third = inner.op("third", &Ctx::new(["a", "b"]), || ());
    live.tick();
    assert!(live.trail.flush(SECOND).is_complete());
    let (report, events) = live.end();
    let names: Vec<_> = report
        .truncated
        .iter()
        .map(|t| t.name.to_string())
        .collect();
    assert_eq!(names, ["third", "inner", "second", "outer", "first"]);
    assert_eq!(report.stats.truncated, 5);
    let closers: Vec<_> = events[5..].iter().map(event_to_json).collect();
    assert!(
        closers
            .iter()
            .all(|line| line.contains("\"status\":\"truncated\""))
    );
    assert_eq!(events.len(), 10);
    let mut sorted = events.clone();
    sorted.sort();
    assert_eq!(
        sorted, events,
        "the order of the stream is the order of events"
    );
    assert_eq!(
        tree(&events),
        "\
run r1 truncated 0ms: 10 events, 3 ops, 2 groups, 3 truncated ops, 2 truncated groups
  op first  #0 truncated 0ms by run
    in: null
  group outer #0 truncated 0ms by run, 2 ops, 0 errors
    op second a #0 truncated 0ms by parent_id in [outer]
      in: null
    group inner #0 truncated 0ms by parent_id in [outer], 1 ops, 0 errors
      op third a/b #0 truncated 0ms by parent_id in [inner]
        in: null
"
    );
    drop((first, second, third, inner, outer, run));
}

#[test]
fn a_run_can_have_several_handles_and_its_id_be_used_again() {
    let live = start();
    let one = live.trail.run("r1");
    let two = live.trail.run("r1");
    one.op("a", &Ctx::default(), || ()).end_ok(|| ());
    drop(one);
    two.op("b", &Ctx::default(), || ()).end_ok(|| ());
    drop(two.clone());
    drop(two);
    let again = live.trail.run("r1");
    again.op("c", &Ctx::default(), || ()).end_ok(|| ());
    drop(again);
    let arrived = live.arrived.clone();
    let (_, events) = live.end();
    let ends: Vec<_> = arrived.arrived().ends.iter().map(|end| end.after).collect();
    assert_eq!(ends, [4, 6]);
    let seqs: Vec<_> = events.iter().map(|e| e.seq).collect();
    assert_eq!(seqs, [0, 1, 2, 3, 0, 1]);
    let ids: std::collections::BTreeSet<_> = events.iter().map(|e| &e.event_id).collect();
    assert_eq!(ids.len(), 6);
}

#[test]
fn events_of_the_engines_own_are_balanced_too() {
    let live = start();
    let mut made = RunBuilder::new("r1");
    made.push("group_start", None, &[], r#"{"name":"g"}"#);
    made.push("op_start", Some("a"), &["x"], "{}");
    made.push("op_start", Some("b"), &["x"], "{}");
    made.push("op_end", Some("a"), &["x"], r#"{"status":"ok"}"#);
    made.push("op_end", Some("a"), &["x"], r#"{"status":"ok"}"#);
    made.push("op_end", Some("c"), &["x"], r#"{"status":"ok"}"#);
    for event in made.events() {
        live.trail.emit(event.clone());
    }
    live.trail.finish_run("r1");
    let (report, events) = live.end();
    let kinds: Vec<_> = events.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "group_start",
            "op_start",
            "op_start",
            "op_end",
            "op_end",
            "group_end"
        ]
    );
    assert_eq!(events[4].op_name.as_deref(), Some("b"));
    assert_eq!(report.stats.dropped.by_cause(DropCause::Unopened), 2);
    assert_eq!(events[5].seq, 7);
}

/// Panics where it is to be written.
struct Panics;

impl serde::Serialize for Panics {
    fn serialize<S: serde::Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        panic!("the host panics while it is written")
    }
}

impl std::fmt::Display for Panics {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("the host panics while it is written")
    }
}

#[test]
fn what_is_open_is_closed_also_where_its_end_panics() {
    fn check(end: impl FnOnce(emit::Op)) {
        let live = start();
        let run = live.trail.run("r1");
        let op = run.op("op", &Ctx::default(), || ());
        let panics = std::panic::AssertUnwindSafe(|| end(op));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert!(live.trail.flush(SECOND).is_complete());
        let events = live.arrived.arrived().events;
        let [_, end] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(end.kind, EventKind::OpEnd);
        assert!(end.payload.text().contains(r#""status":"cancelled""#));
        drop(run);
        assert_eq!(live.end().0.stats.truncated, 0);
    }
    check(|op| op.end_ok(|| -> u8 { panic!("the host panics before it is written") }));
    check(|op| op.end_ok(|| Panics));
    check(|op| op.end_error("Error", Panics));
}
