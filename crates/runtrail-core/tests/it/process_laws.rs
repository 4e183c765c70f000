//! What holds for any chain of processors and any stream.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use runtrail_core::event::{EventKind, TraceEvent, View};
use runtrail_core::json::RawJson;
use runtrail_core::process::{
    Aggregate, AggregateSettings, Boundary, Chain, Dedup, DedupSettings, DropEmpty,
    DropEmptySettings, DropKinds, DropKindsSettings, DropOps, Enrich, EnrichSettings, EventMatch,
    GroupBy, GroupBySettings, HoldLimits, KeepOps, OpFilterSettings, Processor, Redact,
    RedactSettings, Reducer, Sample, SampleSettings, Stat, Truncate, TruncateSettings, ValuePath,
    WhenFull,
};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::strategies;

const NAMES: [&str; 6] = ["main*", "gen", "*parse", "collect", "*", "main.fetch"];
const KINDS: [&str; 10] = [
    "op_start",
    "op_end",
    "op_yield",
    "annotation",
    "group_start",
    "group_end",
    "llm_usage",
    "media_ref",
    "op_pause",
    "nothing",
];

/// A processor of a kind, its settings told by two numbers.
fn processor(kind: usize, pick: usize, few: usize) -> Box<dyn Processor> {
    let name = NAMES[pick % NAMES.len()];
    let hold = HoldLimits {
        max_events: few,
        max_bytes: 1 << 20,
    };
    match kind {
        0 => Box::new(DropOps::new(&OpFilterSettings::of([name])).unwrap()),
        1 => Box::new(KeepOps::new(&OpFilterSettings::of([name])).unwrap()),
        2 => {
            let settings = DropKindsSettings {
                kinds: vec![KINDS[pick % KINDS.len()].into()],
                ..DropKindsSettings::default()
            };
            Box::new(DropKinds::new(&settings).unwrap())
        }
        3 => {
            let settings = DropEmptySettings {
                hold,
                ..DropEmptySettings::default()
            };
            Box::new(DropEmpty::new(settings).unwrap())
        }
        4 => Box::new(Redact::new(&RedactSettings::default()).unwrap()),
        5 => Box::new(
            Truncate::new(TruncateSettings {
                max_payload_bytes: 4096,
            })
            .unwrap(),
        ),
        6 => {
            let settings = SampleSettings {
                rate: [0.0, 0.5][pick % 2],
                hold,
                when_full: [WhenFull::Keep, WhenFull::Discard][pick / 2 % 2],
                ..SampleSettings::default()
            };
            Box::new(Sample::new(&settings).unwrap())
        }
        7 => {
            let boundary = match pick % 5 {
                0 => Boundary::StartsAt(EventMatch::kind("op_start").op(name)),
                1 => Boundary::EndsAt(EventMatch::kind("op_yield")),
                2 => Boundary::KeyChange(ValuePath::new("status").unwrap()),
                3 => Boundary::Every(few as u64, EventMatch::any()),
                _ => Boundary::MaxDuration(std::time::Duration::from_micros(300)),
            };
            let mut settings = GroupBySettings::new(boundary);
            settings.group = format!("by{pick}");
            Box::new(GroupBy::new(settings).unwrap())
        }
        8 => {
            let mut settings = AggregateSettings::of(name);
            settings.hold = hold;
            settings
                .reducers
                .push(Reducer::new(Stat::Last, "outputs.s", "s"));
            Box::new(Aggregate::new(&settings).unwrap())
        }
        9 => {
            let settings = EnrichSettings {
                fields: vec![("service".into(), "\"s\"".into())],
                ..EnrichSettings::default()
            };
            Box::new(Enrich::new(&settings).unwrap())
        }
        _ => Box::new(Dedup::new(DedupSettings::default()).unwrap()),
    }
}

/// Processors by kind and by the numbers that tell their settings.
type Parts = Vec<(usize, usize, usize)>;

fn parts(kinds: &'static [usize], few: std::ops::Range<usize>) -> impl Strategy<Value = Parts> {
    vec((select(kinds), 0..60_usize, few), 1..5)
}

fn chain(parts: &Parts) -> Chain {
    let made = parts
        .iter()
        .map(|&(kind, pick, few)| processor(kind, pick, few));
    Chain::new(made.collect())
}

const ALL: &[usize] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const ROOM: std::ops::Range<usize> = 1_000_000..1_000_001;

/// Gives a stream to a chain, each run ended after its last event, and checks the books.
fn through(parts: &Parts, stream: &[TraceEvent]) -> Vec<TraceEvent> {
    let mut chain = chain(parts);
    let mut out = Vec::new();
    for batch in strategies::batches_at(stream, &[]) {
        for (events, ended) in batch.stretches() {
            for event in events {
                chain.process(event.clone(), &mut |event| out.push(event));
                assert_eq!(chain.imbalance(), 0, "{parts:?}");
            }
            if let Some(run) = ended {
                chain.finish(run, &mut |event| out.push(event));
            }
        }
    }
    assert_eq!((chain.held(), chain.imbalance()), (0, 0), "{parts:?}");
    let (made, discarded) = chain
        .tallies()
        .fold((0, 0), |(made, discarded), (_, _, tally)| {
            (made + tally.made, discarded + tally.discarded_in_all())
        });
    assert_eq!(stream.len() as u64 + made, out.len() as u64 + discarded);
    out
}

fn of_run(events: &[TraceEvent], run: &str) -> Vec<TraceEvent> {
    let own = events.iter().filter(|event| event.request_id == *run);
    own.cloned().collect()
}

fn errors(events: &[TraceEvent]) -> usize {
    let ended_in = |event: &&TraceEvent| match event.view() {
        View::OpEnd(end) => end.status.and_then(RawJson::as_str).as_deref() == Some("error"),
        _ => false,
    };
    events.iter().filter(ended_in).count()
}

proptest! {
    #[test]
    fn the_books_balance_for_any_stream(
        parts in parts(ALL, 1..20),
        stream in strategies::runs().prop_flat_map(strategies::interleaved),
    ) {
        through(&parts, &stream);
    }

    #[test]
    fn a_balanced_stream_stays_balanced(
        parts in parts(ALL, 1..20),
        stream in strategies::balanced_run("r"),
    ) {
        let before = fold_runs(&stream);
        prop_assert_eq!(before[0].summary.anomalies.total(), 0);
        for run in fold_runs(&through(&parts, &stream)) {
            let anomalies = run.summary.anomalies.by_kind();
            let found: Vec<_> = anomalies.iter().filter(|(_, count)| *count > 0).collect();
            prop_assert!(found.is_empty(), "{:?}", found);
        }
    }

    #[test]
    fn made_events_keep_the_order_and_have_ids_of_their_own(
        parts in parts(ALL, 1..20),
        stream in strategies::balanced_run("r"),
    ) {
        let out = through(&parts, &stream);
        let at = |event: &TraceEvent| (event.timestamp, event.seq);
        prop_assert!(out.is_sorted_by_key(at));
        let mut ids: Vec<_> = out.iter().map(|event| &event.event_id).collect();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), out.len());
    }

    #[test]
    fn runs_do_not_touch_each_other(
        parts in parts(ALL, ROOM),
        (runs, stream) in strategies::runs()
            .prop_flat_map(|runs| (Just(runs.clone()), strategies::interleaved(runs))),
    ) {
        let together = through(&parts, &stream);
        for run in &runs {
            let alone = through(&parts, run);
            prop_assert_eq!(of_run(&together, &run[0].request_id), alone);
        }
    }

    #[test]
    fn what_comes_out_is_the_same_every_time(
        parts in parts(ALL, 1..20),
        stream in strategies::run("r"),
    ) {
        prop_assert_eq!(through(&parts, &stream), through(&parts, &stream));
    }

    #[test]
    fn errors_never_vanish_unless_a_filter_names_them(
        parts in parts(&[3, 4, 5, 7, 8, 9], 1..20),
        rate in select(vec![0.0, 0.5]),
        stream in strategies::run("r"),
    ) {
        prop_assert_eq!(errors(&through(&parts, &stream)), errors(&stream));
        let settings = SampleSettings { rate, ..SampleSettings::default() };
        let mut sample = Chain::new(vec![Box::new(Sample::new(&settings).unwrap())]);
        let mut kept = Vec::new();
        for event in &stream {
            sample.process(event.clone(), &mut |event| kept.push(event));
        }
        sample.finish(&"r".into(), &mut |event| kept.push(event));
        prop_assert_eq!(errors(&kept), errors(&stream));
        prop_assert!(kept.is_empty() || kept == stream);
    }

    #[test]
    fn payloads_stay_json(parts in parts(ALL, 1..20), stream in strategies::run("r")) {
        for event in through(&parts, &stream) {
            prop_assert!(event.payload.raw().as_object().is_some());
            prop_assert!(RawJson::parse(event.payload.text()).is_some());
        }
    }
}

/// A run of distinct moments, as an emitter writes it, comes out in its total order.
#[test]
fn made_events_stand_where_the_total_order_puts_them() {
    let mut run = runtrail_testkit::run::RunBuilder::new("r");
    for turn in 0..3 {
        let group = run.push(
            "group_start",
            None,
            &[],
            &format!(r#"{{"name":"t{turn}"}}"#),
        );
        for _ in 0..5 {
            run.push("op_start", Some("main.fetch"), &["main"], "{}");
            run.push(
                "op_end",
                Some("main.fetch"),
                &["main"],
                r#"{"duration_ms":1}"#,
            );
        }
        let end = format!(r#"{{"name":"t{turn}","opener_id":"{group}"}}"#);
        run.push("group_end", None, &[], &end);
    }
    let run = run.into_events();
    for outer in 0..5 {
        for inner in 0..5 {
            let parts = vec![(7, outer, 3), (7, inner + 5, 4), (8, 5, 100), (8, 0, 100)];
            let out = through(&parts, &run);
            let mut sorted = out.clone();
            sorted.sort();
            let kinds = |events: &[TraceEvent]| -> Vec<(String, EventKind)> {
                let shown = |event: &TraceEvent| (event.event_id.to_string(), event.kind.clone());
                events.iter().map(shown).collect()
            };
            assert_eq!(kinds(&out), kinds(&sorted), "{outer} {inner}");
        }
    }
}
