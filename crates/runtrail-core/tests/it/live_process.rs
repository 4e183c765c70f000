//! Processors in the pipeline: over batches, and on every way into it.

use std::time::Duration;

use runtrail_core::emit::LlmUsage;
use runtrail_core::event::{Ctx, EventKind, TraceEvent};
use runtrail_core::pipeline::{DropCause, Overflow, Pipeline, Settings};
use runtrail_core::process::{
    Aggregate, AggregateSettings, Boundary, DropEmpty, DropEmptySettings, Enrich, EnrichSettings,
    EventMatch, GroupBy, GroupBySettings, Output, Processor, Redact, RedactSettings, Sample,
    SampleSettings, ValuePath,
};
use runtrail_core::text::Text;
use runtrail_core::wire::event_to_json;
use runtrail_testkit::capture::Capture;
use runtrail_testkit::run::RunBuilder;

use super::process::given;
use super::process_groups::bare;

const LIMIT: Duration = Duration::from_secs(20);
const SECRET: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyzAB";

/// Makes processors anew, since they keep state.
type Processors = fn() -> Vec<Box<dyn Processor>>;

fn grouped(boundary: Boundary, op: &str) -> Vec<Box<dyn Processor>> {
    let settings = GroupBySettings::new(boundary);
    let aggregate = Aggregate::new(&AggregateSettings::of(op)).unwrap();
    vec![
        Box::new(GroupBy::new(settings).unwrap()),
        Box::new(aggregate),
    ]
}

fn lines(events: &[TraceEvent]) -> Vec<String> {
    events.iter().map(event_to_json).collect()
}

#[test]
fn groups_and_summaries_do_not_depend_on_batches() {
    let cases: [(&str, Processors); 2] = [
        ("group_by_yield", || {
            let boundary = EventMatch::kind("op_yield").op("stream.it");
            grouped(Boundary::EndsAt(boundary), "stream.w")
        }),
        ("group_aggregate", || {
            grouped(Boundary::MaxDuration(Duration::from_secs(60)), "stream.t")
        }),
    ];
    for (scenario, processors) in cases {
        let run = bare(scenario);
        let wanted = lines(&given(processors(), &run));
        assert!(wanted.iter().any(|line| line.contains("summary:stream.")));
        for batch_events in [1, 3, 512] {
            let capture = Capture::default();
            let arrived = capture.handle();
            let settings = Settings {
                batch_events,
                ..Settings::default()
            };
            let mut builder = Pipeline::builder().settings(settings).exporter(capture);
            for processor in processors() {
                builder = builder.boxed_processor(processor);
            }
            let trail = builder.start().unwrap();
            for (index, event) in run.iter().enumerate() {
                trail.emit(event.clone());
                // A flush in the middle of a group ends neither the group nor its sums.
                if index % 5 == 4 {
                    assert!(trail.flush(LIMIT).is_complete());
                }
            }
            trail.finish_run(&run[0].request_id);
            let report = trail.shutdown(LIMIT);
            assert_eq!((report.stats.imbalance(), report.left()), (0, 0));
            let got = lines(&arrived.arrived().events);
            assert_eq!(got, wanted, "{scenario} in batches of {batch_events}");
        }
    }
}

/// Makes an event that holds the secret at the end of each run.
struct Tells;

impl Processor for Tells {
    fn name(&self) -> &'static str {
        "tells"
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        out.forward(event);
    }

    fn finish(&mut self, request_id: &Text, out: &mut Output) {
        let mut run = RunBuilder::new(request_id);
        let payload = format!(r#"{{"key":"told","value":"{SECRET}"}}"#);
        run.push("annotation", None, &[], &payload);
        run.into_events()
            .into_iter()
            .for_each(|event| out.make(event));
    }

    fn held(&self) -> u64 {
        0
    }
}

#[test]
fn no_way_into_the_pipeline_goes_around_a_redactor() {
    let capture = Capture::default();
    let arrived = capture.handle();
    let key = Boundary::KeyChange(ValuePath::new("value").unwrap());
    let enriched = EnrichSettings {
        fields: vec![("deploy".to_owned(), format!("\"{SECRET}\""))],
        ..EnrichSettings::default()
    };
    let trail = Pipeline::builder()
        .exporter(capture)
        .processor(GroupBy::new(GroupBySettings::new(key)).unwrap())
        .processor(Enrich::new(&enriched).unwrap())
        .processor(Tells)
        .processor(Redact::new(&RedactSettings::default()).unwrap())
        .start()
        .unwrap();
    let run = trail.run("r1");
    let _turn = run.group_with(SECRET, || SECRET);
    let op = run.op(SECRET, &Ctx::new(["main", SECRET]), || SECRET);
    op.annotate(SECRET, || SECRET);
    op.yield_item(|| SECRET);
    op.llm_usage(LlmUsage::of(SECRET));
    op.media(&b"bytes"[..], SECRET);
    op.op("child", || ()).end_error(SECRET, SECRET);
    run.annotate("large", || format!("{} {SECRET}", "x".repeat(4096)));
    let mut raw = RunBuilder::new("r2");
    raw.push(
        "op_start",
        Some(SECRET),
        &[SECRET],
        &format!(r#"{{"inputs":"{SECRET}"}}"#),
    );
    raw.push(SECRET, None, &[], &format!(r#"{{"{SECRET}":1}}"#));
    raw.into_events()
        .into_iter()
        .for_each(|event| trail.emit(event));
    // A run whose own id is secret is not shown at all.
    let hidden = trail.run(SECRET);
    hidden.op("op", &Ctx::default(), || ()).end_ok(|| ());
    drop(hidden);
    assert!(trail.flush(LIMIT).is_complete());
    // What is open at the end is named in its closer and in the report.
    std::mem::forget(op);
    let report = trail.shutdown(LIMIT);
    assert_eq!((report.stats.imbalance(), report.left()), (0, 0));
    let arrived = arrived.arrived();
    for event in &arrived.events {
        let line = event_to_json(event);
        assert!(!line.contains("ghp_"), "{line}");
    }
    let told = arrived.events.iter().filter(|event| {
        event.kind == EventKind::Annotation && event.payload.text().contains("\"told\"")
    });
    assert_eq!(told.count(), 2, "of both runs that are shown");
    let ends: Vec<_> = arrived
        .ends
        .iter()
        .map(|end| end.request_id.to_string())
        .collect();
    assert_eq!(ends, ["r1", "r2"]);
    assert!(!format!("{:?}", report.truncated).contains("ghp_"));
    let mut names = report.truncated.iter().map(|open| open.name.as_str());
    assert!(names.any(|name| name == "[redacted]"));
}

/// Panics where it is told to, and else gives what it takes.
#[derive(Clone, Copy, PartialEq)]
enum Panics {
    AtFinish,
    AtNotes,
}

impl Processor for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn process(&mut self, event: TraceEvent, out: &mut Output) {
        assert!(*self != Self::AtNotes || event.kind != EventKind::Annotation);
        out.forward(event);
    }

    fn finish(&mut self, _request_id: &Text, _out: &mut Output) {
        assert!(*self != Self::AtFinish);
    }

    fn held(&self) -> u64 {
        0
    }
}

#[test]
fn a_processor_that_panics_costs_the_others_nothing() {
    let drop_empty = || Box::new(DropEmpty::new(DropEmptySettings::default()).unwrap());
    // Each op is held until its run is finished: before the processor that panics, or behind it.
    let cases: [(Vec<Box<dyn Processor>>, usize); 2] = [
        (vec![Box::new(Panics::AtFinish), drop_empty()], 5),
        (vec![drop_empty(), Box::new(Panics::AtNotes)], 4),
    ];
    for (processors, each) in cases {
        let capture = Capture::default();
        let arrived = capture.handle();
        let mut builder = Pipeline::builder().exporter(capture);
        for processor in processors {
            builder = builder.boxed_processor(processor);
        }
        let trail = builder.start().unwrap();
        for run in ["r1", "r2", "r3"] {
            let run = trail.run(run);
            std::mem::forget(run.op("open", &Ctx::default(), || 1));
            run.group("g").annotate("note", || 1);
        }
        let report = trail.shutdown(LIMIT);
        let stats = &report.stats;
        assert_eq!((stats.imbalance(), stats.held, report.left()), (0, 0, 0));
        // With the end that the ledger gives the op.
        let arrived = arrived.arrived();
        assert_eq!((arrived.events.len(), arrived.ends.len()), (3 * each, 3));
        let lost = stats.dropped.by_cause(DropCause::ProcessorLost);
        assert_eq!(lost, 3 * (5 - each as u64));
    }
}

#[test]
fn a_run_that_was_held_back_finds_room_in_the_queues_of_three_exporters() {
    let settings = SampleSettings {
        rate: 0.0,
        ..SampleSettings::default()
    };
    let blocks = Settings {
        overflow: Overflow::Block(LIMIT),
        ..Settings::default()
    };
    let captures = [(); 3].map(|()| Capture::default());
    let arrived = captures.each_ref().map(Capture::handle);
    let mut builder = Pipeline::builder()
        .settings(blocks)
        .processor(Sample::new(&settings).unwrap());
    for capture in captures {
        builder = builder.exporter(capture);
    }
    let trail = builder.start().unwrap();
    let run = trail.run("r");
    let text = "y".repeat(200);
    for _ in 0..50 {
        for _ in 0..400 {
            run.op("o", &Ctx::default(), || &text).end_ok(|| 1);
        }
        assert!(trail.flush(LIMIT).is_complete());
    }
    run.op("bad", &Ctx::default(), || 1).end_error("E", "no");
    drop(run);
    let report = trail.shutdown(LIMIT);
    assert_eq!((report.stats.imbalance(), report.left()), (0, 0));
    let events = 2 * (50 * 400 + 1);
    for arrived in arrived {
        let arrived = arrived.arrived();
        assert_eq!((arrived.events.len(), arrived.ends.len()), (events, 1));
        // Batches are no larger than set, however much is given at once.
        let least = events / Settings::default().batch_events;
        assert!(arrived.batches > least, "{}", arrived.batches);
    }
}
