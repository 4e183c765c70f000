//! Random programs on random threads: what comes out is balanced, in order, and what went in.

use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use runtrail_core::emit::{Group, LlmUsage, Op};
use runtrail_core::event::{Ctx, TraceEvent};
use runtrail_core::export::Spans;
use runtrail_core::pipeline::{Overflow, Pipeline, Settings};
use runtrail_core::span::Anomalies;
use runtrail_core::wire::{WireReader, event_to_json};
use runtrail_testkit::capture::{Capture, CaptureSpans};
use runtrail_testkit::fold::fold_runs;

const LIMIT: Duration = Duration::from_secs(20);

/// What a thread does next.
#[derive(Debug, Clone)]
enum Step {
    Op(u8),
    Child(u8),
    Group(u8),
    Note(u16),
    Yield,
    Usage,
    End,
    Fail,
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<u8>().prop_map(Step::Op),
        any::<u8>().prop_map(Step::Child),
        any::<u8>().prop_map(Step::Group),
        (0_u16..400).prop_map(Step::Note),
        Just(Step::Yield),
        Just(Step::Usage),
        Just(Step::End),
        Just(Step::Fail),
        Just(Step::Flush),
    ]
}

enum Guard {
    Op(Op),
    Group(Group),
}

/// Plays a thread's steps; what is left open is dropped, or left to the end of the run.
fn play(trail: &Pipeline, run_id: &str, steps: &[Step], leaks: bool) {
    let run = trail.run(run_id);
    let mut open: Vec<Guard> = Vec::new();
    let ctx = Ctx::new(["main"]);
    for step in steps {
        match (step, open.last()) {
            (Step::Child(name), Some(Guard::Op(op))) => {
                let child = op.op(&format!("op{}", name % 4), || name);
                open.push(Guard::Op(child));
            }
            (Step::Child(name) | Step::Op(name), _) => {
                let op = run.op(&format!("op{}", name % 4), &ctx, || name);
                open.push(Guard::Op(op));
            }
            (Step::Group(name), _) => open.push(Guard::Group(run.group(&format!("g{name}")))),
            (Step::Note(len), Some(Guard::Op(op))) => {
                op.annotate("note", || "n".repeat(usize::from(*len)));
            }
            (Step::Note(len), _) => run.annotate("note", || len),
            (Step::Yield, Some(Guard::Op(op))) => {
                op.yield_item(|| 1);
            }
            (Step::Usage, Some(Guard::Op(op))) => op.llm_usage(LlmUsage::of("m")),
            (Step::End, _) => match open.pop() {
                Some(Guard::Op(op)) => op.end_ok(|| "done"),
                Some(Guard::Group(group)) => drop(group),
                None => {}
            },
            (Step::Fail, _) => match open.pop() {
                Some(Guard::Op(op)) => op.end_error("kind", "message"),
                Some(Guard::Group(group)) => group.end_error(),
                None => {}
            },
            (Step::Flush, _) => drop(trail.flush(LIMIT)),
            (Step::Yield | Step::Usage, _) => {}
        }
    }
    if leaks {
        std::mem::forget(open);
    }
}

fn of_run(events: &[TraceEvent], id: &str) -> Vec<TraceEvent> {
    let of_run = events.iter().filter(|event| event.request_id == *id);
    of_run.cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_threads_do_the_stream_is_balanced_and_in_order(
        threads in prop::collection::vec(
            (0_u8..2, any::<bool>(), prop::collection::vec(step(), 0..40)),
            1..5,
        )
    ) {
        let (capture, spans) = (Capture::default(), CaptureSpans::default());
        let (arrived, folded) = (capture.handle(), spans.handle());
        let trail = Pipeline::builder()
            .settings(Settings {
                ring_events: 64,
                batch_events: 7,
                overflow: Overflow::Block(LIMIT),
                ..Settings::default()
            })
            .exporter(capture)
            .exporter(Spans::new(spans))
            .start()
            .unwrap();
        // Handles of both runs outlive the threads, so that their ends do not depend on chance.
        let runs = [trail.run("r0"), trail.run("r1")];
        thread::scope(|scope| {
            for (run, leaks, steps) in &threads {
                let trail = &trail;
                scope.spawn(move || play(trail, &format!("r{run}"), steps, *leaks));
            }
        });
        drop(runs);
        let report = trail.shutdown(LIMIT);
        prop_assert_eq!(report.stats.imbalance(), 0);
        prop_assert!(report.is_complete(), "{}", report);

        let events = arrived.arrived().events;
        for id in ["r0", "r1"] {
            let events = of_run(&events, id);
            prop_assert!(events.is_sorted());
            for (index, event) in events.iter().enumerate() {
                prop_assert_eq!(event.seq, index as u64);
            }
        }
        // Read back from its lines, the stream folds as it did while it was live.
        let mut reader = WireReader::default();
        let lines = events.iter().map(event_to_json);
        let read: Vec<_> = lines.map(|line| reader.read(&line.into()).unwrap()).collect();
        let mut again = Vec::new();
        let mut truncated = 0;
        for run in fold_runs(&read) {
            prop_assert_eq!(&run.summary.anomalies, &Anomalies::default());
            truncated += run.summary.truncated_ops + run.summary.truncated_groups;
            again.push(run.summary);
        }
        prop_assert_eq!(truncated, report.stats.truncated);
        let mut live = folded.arrived().runs;
        live.sort_by(|a, b| a.request_id.cmp(&b.request_id));
        again.sort_by(|a, b| a.request_id.cmp(&b.request_id));
        prop_assert_eq!(live, again);
    }
}
