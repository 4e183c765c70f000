//! What the worker has to get past, and what it is asked for besides events.

use std::collections::BTreeSet;
use std::time::Duration;

use runtrail_core::event::{Ctx, EventKind, TraceEvent};
use runtrail_core::pipeline::{
    Builder, DropCause, Outcome, Overflow, Pipeline, Settings, ShutdownReport,
};
use runtrail_core::process::{Output, Processor};
use runtrail_core::text::Text;
use runtrail_testkit::capture::{Capture, CaptureHandle};
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::trouble::{Gate, GatedProcessor};

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

/// A note as an engine makes it itself.
fn made_note(run: &str) -> TraceEvent {
    let mut made = RunBuilder::new(run);
    made.push("annotation", None, &[], r#"{"key":"k","value":1}"#);
    made.events()[0].clone()
}

/// Has the worker stand at a gate before the first event of a run of its own.
fn held_up(builder: Builder, gate: &Gate) -> Pipeline {
    gate.shut();
    let builder = builder.processor(GatedProcessor(gate.clone()));
    let trail = builder.start().unwrap();
    trail.emit(made_note("gate"));
    gate.wait_for(1);
    trail
}

/// The runs' ends, each with how many events arrived before it.
fn ends(arrived: &CaptureHandle) -> Vec<(String, usize)> {
    let ends = arrived.arrived().ends;
    ends.iter()
        .map(|end| (end.request_id.to_string(), end.after))
        .collect()
}

#[test]
fn a_run_that_is_finished_ends_where_its_thread_said_so() {
    let gate = Gate::default();
    let (builder, arrived) = capturing();
    let settings = Settings {
        max_runs: 2,
        batch_events: 1,
        ..Settings::default()
    };
    let trail = held_up(builder.settings(settings), &gate);
    for _ in 0..3 {
        trail.emit(made_note("again"));
        trail.finish_run("again");
    }
    for number in 0..50 {
        let run = format!("run-{number}");
        trail.emit(made_note(&run));
        trail.finish_run(&run);
    }
    gate.open();
    assert!(trail.flush(LIMIT).is_complete());
    assert_eq!(trail.stats().runs_open, 1);
    let report = end(&trail);
    // Each run ended before the next one began, so there were never three.
    assert_eq!(report.stats.dropped.total(), 0);
    let again = (1..=3).map(|n| ("again".to_owned(), 1 + n));
    let others = (0..50).map(|n| (format!("run-{n}"), 5 + n));
    let last = [("gate".to_owned(), 54)];
    let expected: Vec<_> = again.chain(others).chain(last).collect();
    assert_eq!(ends(&arrived), expected);
}

#[test]
fn ends_that_find_no_room_in_a_ring_come_after_what_was_recorded_before() {
    let gate = Gate::default();
    let (builder, arrived) = capturing();
    let settings = Settings {
        ring_events: 64,
        ..Settings::default()
    };
    let trail = held_up(builder.settings(settings), &gate);
    let names: Vec<_> = (0..50).map(|number| format!("run-{number}")).collect();
    let (other, handle) = (trail.run("other"), trail.run("handle"));
    for run in &names {
        trail.emit(made_note(run));
    }
    handle.annotate("k", || 1);
    for number in 0..200 {
        other.annotate("fill", || number);
    }
    for run in &names {
        trail.finish_run(run);
    }
    drop((handle, other));
    gate.open();
    assert!(trail.flush(LIMIT).is_complete());
    assert_eq!(trail.stats().runs_open, 1);
    let report = end(&trail);
    assert_eq!(report.stats.finishes_lost, 0);
    let dropped = report.stats.dropped;
    assert_eq!(dropped.by_cause(DropCause::RingFull), dropped.total());
    let events = arrived.arrived().events;
    for (run, after) in ends(&arrived) {
        let at = events.iter().rposition(|event| event.request_id == *run);
        assert!(at.is_some_and(|at| at < after), "{run} ended too early");
    }
}

#[test]
fn ends_that_cannot_be_kept_are_counted() {
    let gate = Gate::default();
    let (builder, _arrived) = capturing();
    let settings = Settings {
        max_bytes: 1 << 20,
        ..Settings::default()
    };
    let trail = held_up(builder.settings(settings), &gate);
    let calls = 1000;
    for number in 0..calls {
        trail.finish_run(&format!("{number}{}", "x".repeat(10_000)));
    }
    trail.emit(made_note("r"));
    assert!(trail.stats().waiting_bytes <= 1 << 20);
    gate.open();
    assert!(trail.flush(LIMIT).is_complete());
    let lost = end(&trail).stats.finishes_lost;
    assert!(0 < lost && lost < calls, "{lost}");
}

#[test]
fn runs_are_finished_after_what_their_threads_recorded_of_them() {
    let (builder, _arrived) = capturing();
    let settings = Settings {
        tick: Duration::from_micros(100),
        overflow: Overflow::Block(LIMIT),
        ..Settings::default()
    };
    let trail = builder.settings(settings).start().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let trail = &trail;
            scope.spawn(move || {
                for number in 0..10_000 {
                    let id = format!("run-{thread}-{number}");
                    let run = (number % 2 == 0).then(|| trail.run(&id));
                    match &run {
                        Some(run) => run.op("op", &Ctx::default(), || 1).end_ok(|| 1),
                        None => trail.emit(made_note(&id)),
                    }
                    trail.finish_run(&id);
                }
            });
        }
    });
    assert!(trail.flush(LIMIT).is_complete());
    assert_eq!(trail.stats().runs_open, 0);
    let stats = end(&trail).stats;
    assert_eq!((stats.dropped.total(), stats.truncated), (0, 0));
    assert_eq!(stats.runs_ended, 30_000);
}

#[test]
fn numbers_near_the_end_of_all_numbers_are_taken_as_any_other() {
    let (builder, arrived) = capturing();
    let trail = builder.start().unwrap();
    for (run, seq) in [("last", u64::MAX), ("before", u64::MAX - 1)] {
        let mut start = made_start(run);
        start.seq = seq;
        trail.emit(start);
        trail.run(run).annotate("k", || 1);
    }
    let report = end(&trail);
    assert_eq!(report.stats.truncated, 2);
    let events = arrived.arrived().events;
    let ids: BTreeSet<_> = events.iter().map(|event| &event.event_id).collect();
    assert_eq!((events.len(), ids.len()), (6, 6));
}

/// Panics where nothing that goes through the pipeline is at fault.
#[derive(Default)]
struct Miscounts(bool);

impl Processor for Miscounts {
    fn name(&self) -> &'static str {
        "miscounts"
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        self.0 = event.request_id == *"bad";
        out.forward(event);
    }

    fn finish(&mut self, _request_id: &Text, _out: &mut Output) {}

    fn held(&self) -> u64 {
        assert!(!self.0, "it cannot say what it holds");
        0
    }
}

#[test]
fn exporters_are_closed_also_where_the_worker_is_gone() {
    let (builder, arrived) = capturing();
    let trail = builder.processor(Miscounts::default()).start().unwrap();
    trail.emit(made_note("good"));
    assert!(trail.flush(LIMIT).is_complete());
    trail.emit(made_note("bad"));
    let report = trail.shutdown(LIMIT);
    assert_eq!(report.outcomes, [Outcome::Done]);
    assert!(!report.worker_done && !report.is_complete(), "{report}");
    assert_eq!((report.stats.imbalance(), report.left()), (0, 1));
    let arrived = arrived.arrived();
    assert!(arrived.closed);
    assert_eq!(arrived.events.len(), 1);
}

/// Of the ops of a name, how many began in an op, and how many in none.
fn parents(events: &[TraceEvent], name: &str) -> (usize, usize) {
    let openers = events
        .iter()
        .filter(|event| event.kind == EventKind::OpStart);
    let named = openers.filter(|event| event.op_name.as_deref() == Some(name));
    let (without, with): (Vec<_>, Vec<_>) =
        named.partition(|event| event.payload.text().contains(r#""parent_id":null"#));
    (with.len(), without.len())
}

#[test]
fn what_began_in_an_op_that_was_dropped_is_absent_as_well() {
    let gate = Gate::default();
    let (builder, arrived) = capturing();
    let settings = Settings {
        ring_events: 64,
        overflow: Overflow::DropOldest,
        ..Settings::default()
    };
    let trail = held_up(builder.settings(settings), &gate);
    let run = trail.run("r");
    for _ in 0..20 {
        let parent = run.op("parent", &Ctx::default(), || 1);
        for _ in 0..3 {
            let child = parent.op("child", || 1);
            child.op("grandchild", || 1).end_ok(|| 1);
            child.end_ok(|| 1);
        }
        parent.end_ok(|| 1);
    }
    gate.open();
    assert!(trail.flush(LIMIT).is_complete());
    run.op("parent", &Ctx::default(), || 1)
        .op("child", || 1)
        .end_ok(|| 1);
    drop(run);
    let report = end(&trail);
    assert!(report.stats.dropped.by_cause(DropCause::RingFull) > 0);
    let events = arrived.arrived().events;
    let (with, without) = parents(&events, "child");
    assert!(with > 0 && without == 0, "{with} {without}");
    assert_eq!(parents(&events, "grandchild").1, 0);
}

#[test]
fn what_began_in_an_op_that_was_one_too_many_is_absent_as_well() {
    let (builder, arrived) = capturing();
    let settings = Settings {
        max_open: 2,
        ..Settings::default()
    };
    let trail = builder.settings(settings).start().unwrap();
    let run = trail.run("r");
    let mut open: Vec<_> = (0..2)
        .map(|_| run.op("open", &Ctx::default(), || 1))
        .collect();
    // Two are remembered; of the third it is known only that it is not open.
    let dropped: Vec<_> = (0..3)
        .map(|_| run.op("dropped", &Ctx::default(), || 1))
        .collect();
    open.truncate(1);
    for parent in &dropped {
        parent.op("child", || 1).end_ok(|| 1);
    }
    open[0].op("fits", || 1).end_ok(|| 1);
    drop((open, dropped, run));
    let report = end(&trail);
    let dropped = &report.stats.dropped;
    assert_eq!(dropped.of(DropCause::Subtree, &EventKind::OpStart), 3);
    let events = arrived.arrived().events;
    assert_eq!(parents(&events, "child"), (0, 0));
    assert_eq!(parents(&events, "fits"), (1, 0));
}
