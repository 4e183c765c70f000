//! The pipeline from emitting to exporting, on the usual path.

use std::time::Duration;

use runtrail_core::emit::{self, InOp, LlmUsage};
use runtrail_core::event::{Ctx, EventKind, TraceEvent};
use runtrail_core::pipeline::{Builder, Clock, ManualClock, Pipeline, ShutdownReport};
use runtrail_core::time::Timestamp;
use runtrail_core::wire::event_to_json;
use runtrail_testkit::capture::{Capture, CaptureHandle};
use runtrail_testkit::fold::fold_runs;
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
    runtrail_testkit::golden::assert_lines("live", &lines);
    assert_eq!(
        tree(&events),
        "run r1 error"
    );
}
