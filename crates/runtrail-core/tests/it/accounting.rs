//! Whatever goes wrong, every event is accounted for, and the stream is not torn.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use runtrail_core::emit::{LlmUsage, Run};
use runtrail_core::event::{Ctx, EventKind, TraceEvent};
use runtrail_core::export::{ExportErrorKind, Rejection};
use runtrail_core::json::RawJson;
use runtrail_core::pipeline::{
    Builder, DropCause, Overflow, Pipeline, Settings, ShutdownReport, Stats,
};
use runtrail_core::process::{Discard, Output, Processor};
use runtrail_core::span::Anomalies;
use runtrail_core::text::Text;
use runtrail_testkit::capture::{Capture, CaptureHandle};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::trouble::{Gate, GatedProcessor, Trouble, Troubled};

const LIMIT: Duration = Duration::from_secs(20);

fn capturing() -> (Builder, CaptureHandle) {
    let capture = Capture::default();
    let arrived = capture.handle();
    (Pipeline::builder().exporter(capture), arrived)
}

fn small() -> Settings {
    Settings {
        ring_events: 64,
        ..Settings::default()
    }
}

fn balanced(report: &ShutdownReport) -> &Stats {
    assert_eq!(report.stats.imbalance(), 0, "{report}\n{:?}", report.stats);
    assert_eq!(report.left(), 0, "{report}");
    &report.stats
}

/// What the notes of losses in a stream add up to.
fn told(events: &[TraceEvent]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for event in events {
        let raw = event.payload.raw();
        if raw.get("key").and_then(RawJson::as_str).as_deref() == Some("runtrail.lost") {
            for (cause, count) in raw.get("value").unwrap().as_object().unwrap() {
                *sums.entry(cause.into_owned()).or_default() += count.as_i64().unwrap() as u64;
            }
        }
    }
    sums
}

/// No op is torn: every start has one end and every end a start.
fn assert_whole(events: &[TraceEvent]) {
    for run in fold_runs(events) {
        let summary = run.summary;
        assert_eq!(summary.truncated_ops + summary.truncated_groups, 0);
        assert_eq!(summary.anomalies, Anomalies::default());
    }
}

fn op(run: &Run, notes: usize) {
    let op = run.op("op", &Ctx::default(), || ("x", 1));
    for note in 0..notes {
        op.annotate("n", || note);
    }
    op.llm_usage(LlmUsage::of("m"));
    op.end_ok(|| ());
}

/// Emits more than a ring holds while the worker is held up at a processor.
fn overflow(settings: Settings) -> (ShutdownReport, Vec<TraceEvent>) {
    let gate = Gate::default();
    let (builder, arrived) = capturing();
    let builder = builder.settings(settings);
    let trail = builder
        .processor(GatedProcessor(gate.clone()))
        .start()
        .unwrap();
    let run = trail.run("r1");
    gate.shut();
    run.annotate("first", || 1);
    gate.wait_for(1);
    for _ in 0..200 {
        op(&run, 3);
    }
    gate.open();
    assert!(trail.flush(LIMIT).is_complete());
    op(&run, 1);
    drop(run);
    let report = trail.shutdown(LIMIT);
    (report, arrived.arrived().events)
}

#[test]
fn a_full_ring_loses_whole_ops_and_says_so() {
    let (report, events) = overflow(small());
    let stats = balanced(&report);
    assert_whole(&events);
    assert!(stats.dropped.by_cause(DropCause::RingFull) > 100);
    assert!(stats.dropped.by_cause(DropCause::Subtree) > 100);
    assert_eq!(stats.dropped.of(DropCause::RingFull, &EventKind::OpEnd), 0);
    assert_eq!(
        stats.dropped.of(DropCause::RingFull, &EventKind::LlmUsage),
        0
    );
    let told = told(&events);
    assert_eq!(told["events"], stats.dropped.by_cause(DropCause::RingFull));
    assert_eq!(
        told["ring_full.op_start"],
        stats.dropped.of(DropCause::RingFull, &EventKind::OpStart)
    );
    // 200 ops of 6 events, one of 4, two notes: the one above and those that tell of the loss.
    let notes = events.iter().filter(|e| e.op_name.is_none()).count() as u64;
    assert_eq!(stats.emitted, 200 * 6 + 4 + notes);
}

#[test]
fn the_oldest_give_way_where_that_is_asked_for() {
    let (report, events) = overflow(Settings {
        overflow: Overflow::DropOldest,
        ..small()
    });
    let stats = balanced(&report);
    assert_whole(&events);
    assert!(stats.dropped.by_cause(DropCause::RingFull) > 100);
    assert_eq!(stats.dropped.of(DropCause::RingFull, &EventKind::OpEnd), 0);
    assert_eq!(
        told(&events)["events"],
        stats.dropped.by_cause(DropCause::RingFull)
    );
}

#[test]
fn a_thread_waits_for_room_where_that_is_asked_for() {
    let gate = Gate::default();
    let (builder, arrived) = capturing();
    let settings = Settings {
        overflow: Overflow::Block(LIMIT),
        ..small()
    };
    let builder = builder.settings(settings);
    let trail = builder
        .processor(GatedProcessor(gate.clone()))
        .start()
        .unwrap();
    let run = trail.run("r1");
    gate.shut();
    run.annotate("first", || 1);
    gate.wait_for(1);
    thread::scope(|scope| {
        let emitting = scope.spawn(|| {
            (0..200).for_each(|_| op(&run, 1));
            // What is large is handed over beside the ring's cells, where there may be no room either.
            (0..200).for_each(|_| run.annotate("large", || "x".repeat(2000)));
        });
        gate.open();
        emitting.join().unwrap();
    });
    drop(run);
    let report = trail.shutdown(LIMIT);
    assert!(
        report.is_complete(),
        "{report} {:?}",
        report.stats.dropped.counts().collect::<Vec<_>>()
    );
    balanced(&report);
    assert_eq!(arrived.arrived().events.len(), 1001);
}

#[test]
fn waiting_for_room_has_an_end() {
    let gate = Gate::default();
    let (builder, _) = capturing();
    let settings = Settings {
        overflow: Overflow::Block(Duration::from_millis(1)),
        ..small()
    };
    let builder = builder.settings(settings);
    let trail = builder
        .processor(GatedProcessor(gate.clone()))
        .start()
        .unwrap();
    let run = trail.run("r1");
    gate.shut();
    run.annotate("first", || 1);
    gate.wait_for(1);
    // Of events as small as these a ring holds three times as many as of usual ones.
    (0..200).for_each(|_| run.annotate("n", || 1));
    assert!(trail.stats().dropped.by_cause(DropCause::RingFull) > 0);
    gate.open();
    drop(run);
    balanced(&trail.shutdown(LIMIT));
}

#[test]
fn large_payloads_are_bounded_in_bytes() {
    let gate = Gate::default();
    let (builder, arrived) = capturing();
    let settings = Settings {
        max_bytes: 4 << 20,
        max_payload_bytes: 200_000,
        ..Settings::default()
    };
    let builder = builder.settings(settings);
    let trail = builder
        .processor(GatedProcessor(gate.clone()))
        .start()
        .unwrap();
    let run = trail.run("r1");
    gate.shut();
    run.annotate("first", || 1);
    gate.wait_for(1);
    let before = trail.stats().waiting_bytes;
    let big = "x".repeat(100_000);
    for _ in 0..100 {
        run.annotate("big", || &big);
    }
    let stats = trail.stats();
    assert_eq!(stats.imbalance(), 0);
    assert!(stats.waiting_bytes <= 4 << 20, "{}", stats.waiting_bytes);
    assert!(stats.dropped.by_cause(DropCause::Bytes) > 50);
    gate.open();
    assert!(trail.flush(LIMIT).is_complete());
    run.annotate("too big", || "y".repeat(300_000));
    drop(run);
    let report = trail.shutdown(LIMIT);
    let stats = balanced(&report);
    let events = arrived.arrived().events;
    assert_eq!(
        told(&events)["events"],
        stats.dropped.by_cause(DropCause::Bytes)
    );
    let last = events.last().unwrap().payload.text().to_string();
    assert!(last.contains("left out") && last.len() < 100, "{last}");
    assert_eq!(stats.waiting_bytes, before, "every byte was given back");
}

/// Leaves every third event out of the sample, filters every fifth, doubles every seventh, and holds
/// the last one of a run back until its end.
#[derive(Default)]
struct Busy {
    seen: u64,
    held: Option<TraceEvent>,
}

impl Processor for Busy {
    fn name(&self) -> &'static str {
        "busy"
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        self.seen += 1;
        if event.kind != EventKind::Annotation {
            return out.forward(event);
        }
        if self.seen.is_multiple_of(3) {
            return out.discard(&event, Discard::SampledOut);
        }
        if self.seen.is_multiple_of(5) {
            return out.discard(&event, Discard::Filtered);
        }
        if self.seen.is_multiple_of(11) {
            out.make(event.clone());
        }
        if let Some(before) = self.held.replace(event) {
            out.forward(before);
        }
    }

    fn finish(&mut self, _request_id: &Text, out: &mut Output) {
        if let Some(last) = self.held.take() {
            out.forward(last);
        }
    }

    fn held(&self) -> u64 {
        u64::from(self.held.is_some())
    }
}

#[test]
fn processors_keep_the_sum() {
    let (builder, _) = capturing();
    let trail = builder.processor(Busy::default()).start().unwrap();
    let run = trail.run("r1");
    (0..50).for_each(|_| op(&run, 4));
    assert!(trail.flush(LIMIT).is_complete());
    let stats = trail.stats();
    assert_eq!((stats.imbalance(), stats.held), (0, 1));
    drop(run);
    let report = trail.shutdown(LIMIT);
    let stats = balanced(&report);
    assert!(stats.sampled_out > 10);
    assert!(
        stats
            .dropped
            .of(DropCause::Filtered, &EventKind::Annotation)
            > 5
    );
    assert!(stats.emitted > 50 * 7, "what a processor makes is emitted");
}

/// Panics at every tenth event.
struct Panics(u64);

impl Processor for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        self.0 += 1;
        assert!(!self.0.is_multiple_of(10), "a processor panics");
        out.forward(event);
    }

    fn finish(&mut self, _request_id: &Text, _out: &mut Output) {
        panic!("a processor panics at the end");
    }

    fn held(&self) -> u64 {
        0
    }
}

#[test]
fn a_processor_that_panics_loses_its_event_and_no_other() {
    let (builder, arrived) = capturing();
    let trail = builder.processor(Panics(0)).start().unwrap();
    let run = trail.run("r1");
    (0..50).for_each(|_| run.annotate("n", || 1));
    drop(run);
    let report = trail.shutdown(LIMIT);
    let stats = balanced(&report);
    assert_eq!(stats.dropped.by_cause(DropCause::ProcessorLost), 5);
    assert_eq!(arrived.arrived().events.len(), 45);
    assert_eq!(arrived.arrived().ends.len(), 1);
}

fn with_trouble(trouble: Trouble) -> (Pipeline, CaptureHandle) {
    let (builder, arrived) = capturing();
    let settings = Settings {
        queue_events: 64,
        batch_events: 16,
        ..Settings::default()
    };
    let builder = builder.settings(settings);
    (
        builder.exporter(Troubled(trouble)).start().unwrap(),
        arrived,
    )
}

#[test]
fn an_exporter_that_fails_costs_only_itself() {
    let reject = |index| Rejection {
        index,
        reason: "no".into(),
    };
    // The last index is not in the batch, and one comes twice: neither counts.
    let rejected = vec![reject(0), reject(2), reject(2), reject(999)];
    for (kind, failed, unknown) in [
        (ExportErrorKind::Permanent, 12, 0),
        (ExportErrorKind::Retry { after: None }, 12, 0),
        (ExportErrorKind::Unknown, 12, 12),
        (ExportErrorKind::Rejected(rejected), 2, 0),
    ] {
        let (builder, arrived) = capturing();
        let troubled = Troubled(Trouble::Fails(kind));
        let settings = Settings {
            tick: Duration::from_secs(1),
            ..Settings::default()
        };
        let trail = builder
            .settings(settings)
            .exporter(troubled)
            .start()
            .unwrap();
        let run = trail.run("r1");
        (0..3).for_each(|_| op(&run, 1));
        drop(run);
        let report = trail.shutdown(LIMIT);
        let stats = balanced(&report);
        assert_eq!(arrived.arrived().events.len(), 12);
        assert_eq!(stats.exporters[1].failed, failed);
        assert_eq!(stats.exporters[1].unknown, unknown);
        assert_eq!(stats.exporters[1].delivered, 12 - failed);
    }
}

#[test]
fn an_exporter_that_panics_costs_only_itself() {
    let (trail, arrived) = with_trouble(Trouble::PanicsOnExport);
    let run = trail.run("r1");
    op(&run, 1);
    let flushed = trail.flush(LIMIT);
    assert!(!flushed.is_complete());
    for _ in 0..40 {
        op(&run, 1);
        let _ = trail.flush(LIMIT);
    }
    drop(run);
    let report = trail.shutdown(LIMIT);
    let stats = balanced(&report);
    assert_eq!(arrived.arrived().events.len(), 41 * 4);
    assert_eq!(stats.exporters[0].delivered, 41 * 4);
    assert_eq!(stats.exporters[1].delivered, 0);
    assert!(stats.exporters[1].failed >= 1);
    assert!(stats.exporters[1].dropped.by_cause(DropCause::ExporterGone) > 100);
}

#[test]
fn a_stuck_exporter_misses_whole_ops_and_is_told() {
    let gate = Gate::default();
    gate.shut();
    let (builder, fast) = capturing();
    let late = Capture::default();
    let settings = Settings {
        queue_events: 64,
        batch_events: 16,
        ..Settings::default()
    };
    let seen = late.handle();
    let trail = builder
        .settings(settings)
        .exporter(Gated(late, gate.clone()))
        .start()
        .unwrap();
    let run = trail.run("r1");
    for number in 1..=100 {
        op(&run, 1);
        while fast.arrived().events.len() < 4 * number {
            let _ = trail.flush(Duration::from_millis(1));
        }
    }
    assert_eq!(trail.stats().imbalance(), 0);
    gate.open();
    while trail.stats().exporters[1].in_flight > 0 {
        let _ = trail.flush(Duration::from_millis(1));
    }
    op(&run, 1);
    drop(run);
    let report = trail.shutdown(LIMIT);
    let stats = balanced(&report);
    assert_eq!(stats.exporters[0].dropped.total(), 0);
    let missed = &stats.exporters[1];
    assert!(missed.dropped.by_cause(DropCause::QueueFull) > 50);
    assert_eq!(
        missed.dropped.of(DropCause::QueueFull, &EventKind::OpEnd),
        0
    );
    let events = seen.arrived().events;
    assert_whole(&events);
    assert!(told(&events)["events"] > 100);
    assert_eq!(
        missed.delivered,
        stats.emitted + missed.made - missed.dropped.total()
    );
}

/// A capture that waits at a gate first.
pub(super) struct Gated(pub(super) Capture, pub(super) Gate);

impl runtrail_core::export::Exporter for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn export(
        &mut self,
        batch: &runtrail_core::export::Batch,
    ) -> Result<(), runtrail_core::export::ExportError> {
        self.1.pass();
        self.0.export(batch)
    }

    fn flush(
        &mut self,
        _deadline: std::time::Instant,
    ) -> Result<(), runtrail_core::export::ExportError> {
        Ok(())
    }

    fn close(
        self: Box<Self>,
        _deadline: std::time::Instant,
    ) -> Result<(), runtrail_core::export::ExportError> {
        Ok(())
    }
}

#[test]
fn threads_that_end_hand_over_what_they_hold() {
    let (builder, arrived) = capturing();
    let trail = builder.start().unwrap();
    let run = trail.run("r1");
    for _ in 0..20 {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| op(&run, 2));
            }
        });
    }
    drop(run);
    let report = trail.shutdown(LIMIT);
    assert!(
        report.is_complete(),
        "{report} {:?}",
        report.stats.dropped.counts().collect::<Vec<_>>()
    );
    balanced(&report);
    assert_eq!(arrived.arrived().events.len(), 160 * 5);
    // One ring for each of nine threads at once, and the one that is shared; the next threads take
    // over the rings of those that ended.
    assert!(report.stats.waiting_bytes < 11 * 4096 * 256);
}

#[test]
fn threads_that_interleave_are_put_in_order() {
    let (builder, arrived) = capturing();
    let settings = Settings {
        overflow: Overflow::Block(LIMIT),
        ..Settings::default()
    };
    let trail = builder.settings(settings).start().unwrap();
    let run = trail.run("r1");
    let turn = std::sync::Mutex::new(0_u64);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    // What one thread recorded after another must come after it.
                    let mut turn = turn.lock().unwrap();
                    run.annotate("turn", || *turn);
                    *turn += 1;
                }
            });
        }
    });
    drop(run);
    let report = trail.shutdown(LIMIT);
    balanced(&report);
    let events = arrived.arrived().events;
    assert_eq!(events.len(), 2000);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.seq, index as u64);
        let turn = event.payload.raw().get("value").unwrap().as_i64();
        assert_eq!(turn, Some(index as i64));
    }
    assert!(events.is_sorted());
}

#[test]
fn a_shutdown_under_load_accounts_for_everything() {
    for _ in 0..5 {
        let (builder, arrived) = capturing();
        let trail = builder.settings(small()).start().unwrap();
        let stop = AtomicBool::new(false);
        let report = thread::scope(|scope| {
            for number in 0..4 {
                let (trail, stop) = (&trail, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let run = trail.run(&format!("r{}", number % 2));
                        op(&run, 3);
                        assert_eq!(trail.stats().imbalance(), 0);
                    }
                });
            }
            while trail.stats().emitted < 2000 {
                assert_eq!(trail.stats().imbalance(), 0);
            }
            let report = trail.shutdown(LIMIT);
            stop.store(true, Ordering::Relaxed);
            report
        });
        assert_eq!(report.stats.imbalance(), 0, "{report}");
        let stats = trail.stats();
        assert_eq!(stats.imbalance(), 0);
        let delivered = stats.exporters[0].delivered;
        assert_eq!(arrived.arrived().events.len() as u64, delivered);
        let ended: Vec<_> = fold_runs(&arrived.arrived().events);
        assert!(!ended.is_empty());
    }
}

#[test]
fn what_comes_after_the_end_is_refused_and_counted() {
    let (builder, arrived) = capturing();
    let trail = builder.start().unwrap();
    let run = trail.run("r1");
    let left_open = run.op("op", &Ctx::default(), || ());
    let gone = trail.run("r2");
    let outlives = gone.op("op", &Ctx::default(), || ());
    drop(gone);
    assert!(trail.flush(LIMIT).is_complete());
    outlives.end_ok(|| ());
    let first = trail.shutdown(LIMIT);
    assert_eq!(first.stats.truncated, 2);
    left_open.end_ok(|| ());
    run.annotate("n", || 1);
    drop(run);
    assert!(!trail.run("r3").is_recorded());
    let stats = trail.stats();
    assert_eq!(stats.imbalance(), 0);
    assert_eq!(stats.dropped.by_cause(DropCause::Closed), 3);
    assert_eq!(arrived.arrived().events.len(), 4);
    let again = trail.shutdown(LIMIT);
    assert_eq!(again.stats.emitted, first.stats.emitted);
    assert!(!trail.flush(LIMIT).exporters.iter().any(|_| true));
}

#[test]
fn too_much_open_at_once_is_refused_and_counted() {
    let (builder, arrived) = capturing();
    let settings = Settings {
        max_open: 2,
        max_runs: 2,
        ..Settings::default()
    };
    let trail = builder.settings(settings).start().unwrap();
    let runs: Vec<_> = (0..3).map(|n| trail.run(&format!("r{n}"))).collect();
    let ops: Vec<_> = (0..3)
        .map(|_| runs[0].op("op", &Ctx::default(), || ()))
        .collect();
    ops[2].annotate("n", || 1);
    runs[2].annotate("n", || 1);
    drop(ops);
    drop(runs);
    let report = trail.shutdown(LIMIT);
    let stats = balanced(&report);
    assert_eq!(
        stats.dropped.of(DropCause::OpenLimit, &EventKind::OpStart),
        1
    );
    assert_eq!(
        stats
            .dropped
            .of(DropCause::OpenLimit, &EventKind::Annotation),
        1
    );
    assert_eq!(stats.dropped.by_cause(DropCause::Subtree), 2);
    assert_eq!(arrived.arrived().events.len(), 4);
}
